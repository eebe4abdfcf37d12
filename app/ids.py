"""Ids of everything we store: ULIDs, so that they sort by the time they were made."""

from ulid import ULID


def new_id() -> str:
    """Return 26 characters of Crockford's base 32, later ones sorting after earlier ones."""
    return str(ULID())


def is_id(text: str) -> bool:
    """Tell whether a text from outside could be one of our ids; no other need be looked for."""
    return len(text) == 26 and text.isascii() and text.isalnum()
