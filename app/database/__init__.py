"""The database: engines, transactions, bulk inserts, and retries across an outage."""
