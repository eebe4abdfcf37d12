"""Typed readers for Instagram's answers: whatever the wire holds, a field is right or absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Fields = Mapping[str, Any]
DETAIL_MAX_CHARACTERS = 300
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_TOKEN = re.compile(r"[\w|.~+/=-]{40,}")
_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")


def text(fields: Fields, name: str) -> str:
    """Return a field that is a string, else an empty one."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def whole(fields: Fields, name: str) -> int | None:
    """Return a field that is a whole number, also where it is written as a string."""
    value = fields.get(name)
    if isinstance(value, str) and len(value) <= 18 and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def section(fields: Fields, name: str) -> Fields:
    """Return a field that is an object, else an empty one."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def sections(fields: Fields, name: str) -> list[Fields]:
    """Return the objects of a field that is a list."""
    value = fields.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


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
