"""Publishing on YouTube."""

from workers.platforms.youtube.handler import Handler as YouTubeHandler

__all__ = ["YouTubeHandler"]
