"""Which names an object in the store may have. Pure."""

from __future__ import annotations

import unicodedata

from app.storage.errors import InvalidKey

KEY_MAX_BYTES = 1024  # S3's own bound, counted in UTF-8

#: Where this service itself puts what is uploaded through it, and what it makes.
UPLOADS = "uploads/"
RENDITIONS = "renditions/"

_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "3gp": "video/3gpp",
    "wmv": "video/x-ms-wmv",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
}


def checked_key(key: str) -> str:
    """Return `key` when it is a plain relative path of at most 1024 bytes; else `InvalidKey`."""
    fault = _fault_of(key)
    if fault:
        raise InvalidKey(f"The key of a video {fault}.")
    return key


def content_type_of(key: str) -> str:
    """Return the media type that the key's ending stands for, `application/octet-stream` if none.

    What the file really is, only the probe knows.
    """
    return _CONTENT_TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def _fault_of(key: str) -> str:
    try:
        length_bytes = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "has characters that are not Unicode text"
    if not 0 < length_bytes <= KEY_MAX_BYTES:
        return f"has 1 to {KEY_MAX_BYTES} bytes"
    if any(unicodedata.category(character) == "Cc" for character in key):
        return "has no control characters"
    if "\\" in key:
        return "has no backslash"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "is a relative path without empty, '.' or '..' parts"
    return ""
