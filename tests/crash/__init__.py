"""The crash campaign: real processes killed at work, and the platforms' journal as the judge."""
