"""TikTok: direct posts through the Content Posting API."""

from workers.platforms.tiktok.handler import TikTokHandler

__all__ = ["TikTokHandler"]
