"""Reading the chain: one pinned block, one multicall."""
