"""Reads fields out of answers whose shape is not to be trusted: a wrong type reads as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
#: 64-bit numbers fit into this many digits, and a text of millions of them is no number.
DIGITS_MAX = 19


def child(parent: Fields, name: str) -> Fields:
    """Return the object in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def children(parent: Fields, name: str) -> list[Fields]:
    """Return the objects of the list in a field."""
    return [element for element in elements(parent, name) if isinstance(element, dict)]


def elements(parent: Fields, name: str) -> list[Any]:
    """Return the list in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, list) else []


def text(parent: Fields, name: str) -> str:
    """Return the string in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def whole(parent: Fields, name: str) -> int | None:
    """Return the count in a field; None when it is anything else, or below zero."""
    value = number(parent.get(name))
    return value if value is not None and value >= 0 else None


def number(value: Any) -> int | None:
    """Return a whole number, also where it is written as a string: JSON's own end at 2**53."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= DIGITS_MAX else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
