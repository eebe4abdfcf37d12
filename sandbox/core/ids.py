"""Ids and secrets shaped like the platforms' own."""

import itertools
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_counter = itertools.count(1)


def secret(length: int = 40) -> str:
    """Return unguessable letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def number(digits: int, prefix: str = "7") -> int:
    """Return a new number of `digits` digits, different on every call."""
    room = digits - len(prefix)
    spread = next(_counter) * 1_000_000_007 + secrets.randbelow(1_000_000)
    return int(prefix + str(spread % 10**room).zfill(room))
