"""Field types found only in TikTok's responses; the rest is in `workers.platforms.fields`."""

from __future__ import annotations

from workers.platforms.fields import Fields, elements, number


def texts(parent: Fields, name: str) -> tuple[str, ...]:
    """Return the strings in the list in a field."""
    return tuple(element for element in elements(parent, name) if isinstance(element, str))


def flag(parent: Fields, name: str) -> bool:
    """Return whether a field is true."""
    return parent.get(name) is True


def ids(parent: Fields, name: str) -> tuple[str, ...]:
    """Return the ids in the list in a field, as text: they exceed JavaScript's safe integers."""
    found = (number(element) for element in elements(parent, name))
    return tuple(str(one) for one in found if one is not None and one > 0)
