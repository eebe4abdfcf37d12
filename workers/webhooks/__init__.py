"""Delivering webhooks, signed as Standard Webhooks."""
