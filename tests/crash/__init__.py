"""The crash campaign: real processes are killed at work, and the sandbox's journal is audited."""
