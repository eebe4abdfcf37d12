"""Field types found only in Instagram's responses; the rest is in `workers.platforms.fields`."""

from __future__ import annotations

import re
from datetime import datetime

from workers.platforms.fields import Fields, child, text

DETAIL_MAX_CHARACTERS = 300
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_TOKEN = re.compile(r"[\w|.~+/=-]{40,}")
_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")


def next_cursor(page: Fields) -> str:
    """Return where the next page of a list begins; empty on the last page.

    https://developers.facebook.com/docs/graph-api/results
    """
    paging = child(page, "paging")
    return text(child(paging, "cursors"), "after") if text(paging, "next") else ""


def identifier(fields: Fields, name: str) -> str | None:
    """Return the platform id in a field, safe for use in a path; None if absent."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def moment(fields: Fields, name: str) -> datetime | None:
    """Return the time with an offset in a field; None if absent. Instagram writes `+0000`."""
    for pattern in _TIME_FORMATS:
        try:
            return datetime.strptime(text(fields, name), pattern)
        except ValueError:
            continue
    return None


def sentence(words: str) -> str:
    """Return the platform's own wording, truncated, without URLs or anything like a token."""
    cleaned = _TOKEN.sub("…", _URL.sub("…", words))
    return " ".join(cleaned.split())[:DETAIL_MAX_CHARACTERS]
