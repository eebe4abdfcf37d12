"""Instagram's Graph API: prefixes `/graph` (Facebook Login), `/instagram` (Instagram Login)
and `/rupload` (byte upload)."""

from sandbox.instagram import containers, media, oauth, objects, publishing, uploading, users
from sandbox.instagram.accounts import KIND
from sandbox.instagram.api import API

__all__ = [
    "API",
    "KIND",
    "containers",
    "media",
    "oauth",
    "objects",
    "publishing",
    "uploading",
    "users",
]
