"""Typed access to fields of untrusted responses: a value of the wrong type counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
#: A 64-bit integer fits into this many digits; parsing millions of them would only burn CPU.
DIGITS_MAX = 19


def child(parent: Fields, name: str) -> Fields:
    """Return the object in a field; empty if absent."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def children(parent: Fields, name: str) -> list[Fields]:
    """Return the objects in the list in a field."""
    return [element for element in elements(parent, name) if isinstance(element, dict)]


def elements(parent: Fields, name: str) -> list[Any]:
    """Return the list in a field; empty if absent."""
    value = parent.get(name)
    return value if isinstance(value, list) else []


def text(parent: Fields, name: str) -> str:
    """Return the string in a field; empty if absent."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def whole(parent: Fields, name: str) -> int | None:
    """Return the non-negative integer in a field; None if absent or negative."""
    value = number(parent.get(name))
    return value if value is not None and value >= 0 else None


def number(value: Any) -> int | None:
    """Return an integer, also from a decimal string, as platforms write numbers above 2**53."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= DIGITS_MAX else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
