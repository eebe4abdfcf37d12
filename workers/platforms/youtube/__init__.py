"""YouTube: resumable uploads through the Data API."""

from workers.platforms.youtube.handler import YouTubeHandler

__all__ = ["YouTubeHandler"]
