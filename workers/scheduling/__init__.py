"""The leading scheduler's work: release due runs, sweep, queue periodic work."""
