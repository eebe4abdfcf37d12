"""Tokens of connected accounts: exchange of consents, refresh."""
