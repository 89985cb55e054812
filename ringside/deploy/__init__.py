"""Putting Ringside onto a chain: planned, step by step, resumed wherever it stopped, and held
against what it should be."""
