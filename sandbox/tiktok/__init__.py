"""TikTok's Content Posting API: prefixes `/tiktok` (API) and `/tiktok-upload` (upload host)."""

from sandbox.tiktok import oauth, publishing, statuses, uploading, videos
from sandbox.tiktok.accounts import KIND
from sandbox.tiktok.api import API

__all__ = ["API", "KIND", "oauth", "publishing", "statuses", "uploading", "videos"]
