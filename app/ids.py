"""Ids of all rows: ULIDs, so that they sort by creation time."""

from ulid import ULID


def new_id() -> str:
    """Return 26 characters of Crockford's base 32; later ids sort after earlier ones."""
    return str(ULID())


def is_id(text: str) -> bool:
    """Tell whether a text from outside has the form of an id; no other need be looked up."""
    return len(text) == 26 and text.isascii() and text.isalnum()
