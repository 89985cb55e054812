"""What `make demo` tells: one client's story, step by step, through Ape's accounts."""
