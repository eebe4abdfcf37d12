"""Reads fields out of answers whose shape is not to be trusted: a wrong type reads as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def child(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def children(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of the list in a field."""
    value = parent.get(name)
    if not isinstance(value, list):
        return []
    return [element for element in value if isinstance(element, dict)]


def text(parent: Mapping[str, Any], name: str) -> str:
    """Return the string in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def whole(parent: Mapping[str, Any], name: str) -> int | None:
    """Return the number in a field: Google writes 64-bit ones as decimal strings."""
    value = parent.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
