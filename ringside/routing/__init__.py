"""Routing: which venue takes which part of an order."""
