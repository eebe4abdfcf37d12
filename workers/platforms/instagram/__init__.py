"""Instagram: Reels through the Graph API, for both of its login flavours."""

from workers.platforms.instagram.handler import Handler as InstagramHandler

__all__ = ["InstagramHandler"]
