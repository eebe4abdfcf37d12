"""Delivery of webhooks, signed per Standard Webhooks."""
