"""The keeper as a service: follows the chain, works the orders of the house, and survives what
happens to it. What it does next follows from its database and the chain, read anew each turn."""
