"""Publishing on TikTok."""

from workers.platforms.tiktok.handler import Handler as TikTokHandler

__all__ = ["TikTokHandler"]
