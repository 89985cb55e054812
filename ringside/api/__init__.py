"""The keeper's HTTP API: orders in, and what became of them out."""
