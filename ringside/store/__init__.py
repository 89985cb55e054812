"""What a keeper remembers: orders, transactions, fills, tickets, blocks, events. SQLite by default,
PostgreSQL for several processes. It knows nothing of the chain, and could be rebuilt from it."""
