"""Synthetix Perps V2, in parts: the system, its markets, and the pool where sUSD is bought."""
