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
    return [element for element in _elements(parent, name) if isinstance(element, dict)]


def text(parent: Mapping[str, Any], name: str) -> str:
    """Return the string in a field; empty when it is anything else."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def texts(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the strings of the list in a field."""
    return tuple(element for element in _elements(parent, name) if isinstance(element, str))


def whole(parent: Mapping[str, Any], name: str) -> int | None:
    """Return the number in a field; None when it is anything else, or below zero."""
    return _number(parent.get(name))


def flag(parent: Mapping[str, Any], name: str) -> bool:
    """Say whether a field is true."""
    return parent.get(name) is True


def numbers(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the ids of the list in a field as text: they do not fit a JavaScript number."""
    found = (_number(element) for element in _elements(parent, name))
    return tuple(str(number) for number in found if number)


def _elements(parent: Mapping[str, Any], name: str) -> list[Any]:
    value = parent.get(name)
    return value if isinstance(value, list) else []


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and value >= 0 else None
