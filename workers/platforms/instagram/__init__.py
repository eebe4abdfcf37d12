"""Instagram: Reels through the Graph API, for both of its login types."""

from workers.platforms.instagram.handler import InstagramHandler

__all__ = ["InstagramHandler"]
