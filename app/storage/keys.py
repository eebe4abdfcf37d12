"""Validation of object keys. Pure."""

from __future__ import annotations

import unicodedata

from app.storage.errors import InvalidKey

KEY_MAX_BYTES = 1024  # S3's own limit, in bytes of UTF-8

#: Prefixes of this service's own objects: direct uploads, and renditions.
UPLOADS = "uploads/"
RENDITIONS = "renditions/"

_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "ts": "video/mp2t",
    "mts": "video/mp2t",
    "m2ts": "video/mp2t",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "3gp": "video/3gpp",
    "wmv": "video/x-ms-wmv",
    "ogv": "video/ogg",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
}


def checked_key(key: str) -> str:
    """Return `key` if it is a plain relative path of at most 1024 bytes; raises `InvalidKey`."""
    fault = _fault_of(key)
    if fault:
        raise InvalidKey(f"The video's key {fault}.")
    return key


def content_type_of(key: str) -> str:
    """Return the media type of the key's extension, `application/octet-stream` if unknown.

    What the file really is, only the probe knows.
    """
    return _CONTENT_TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def suffix_of(content_type: str) -> str:
    """Return the usual extension of a media type, with its dot; empty if unknown."""
    return next((f".{name}" for name, one in _CONTENT_TYPES.items() if one == content_type), "")


def _fault_of(key: str) -> str:
    try:
        length_bytes = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "must be valid Unicode text"
    if not 0 < length_bytes <= KEY_MAX_BYTES:
        return f"must have 1 to {KEY_MAX_BYTES} bytes"
    if any(unicodedata.category(character) == "Cc" for character in key):
        return "must not contain control characters"
    if "\\" in key:
        return "must not contain a backslash"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "must be a relative path without empty, '.' or '..' parts"
    return ""
