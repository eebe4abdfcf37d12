"""The database: how engines are opened, transactions, bulk inserts, retries while it is away."""
