"""Tokens of connected accounts: exchanged, kept valid, refreshed."""
