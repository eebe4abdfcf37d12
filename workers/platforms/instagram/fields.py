"""Reads what only Instagram's answers hold; the rest is in `workers.platforms.fields`."""

from __future__ import annotations

import re
from datetime import datetime

from workers.platforms.fields import Fields, text

DETAIL_MAX_CHARACTERS = 300
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_TOKEN = re.compile(r"[\w|.~+/=-]{40,}")
_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")


def identifier(fields: Fields, name: str) -> str | None:
    """Return a field that is an id of the platform, fit to be put into a path."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def moment(fields: Fields, name: str) -> datetime | None:
    """Return a field that is a time with an offset; Instagram writes `+0000`."""
    for pattern in _TIME_FORMATS:
        try:
            return datetime.strptime(text(fields, name), pattern)
        except ValueError:
            continue
    return None


def sentence(words: str) -> str:
    """Return the platform's own wording, short, without links and without what may be a token."""
    cleaned = _TOKEN.sub("…", _URL.sub("…", words))
    return " ".join(cleaned.split())[:DETAIL_MAX_CHARACTERS]
