"""YouTube's Data API v3: prefixes `/youtube` (API and upload host) and `/google` (OAuth)."""

from sandbox.youtube import channels, oauth, sessions, thumbnails, uploading, videos
from sandbox.youtube.accounts import KIND
from sandbox.youtube.api import API

__all__ = ["API", "KIND", "channels", "oauth", "sessions", "thumbnails", "uploading", "videos"]
