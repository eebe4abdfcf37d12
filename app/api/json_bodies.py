"""A strict JSON parser: what the standard leaves open is refused rather than guessed."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from app.api.errors import MalformedBody

#: Deeper than any body of the API, and shallow enough for code that recurses over a body later.
MAX_DEPTH = 32
#: Python refuses to read numbers of more than 4300 digits.
MAX_DIGITS = 1000
_TOO_LARGE = "The body has too large a number"


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text; raises `MalformedBody`."""
    try:
        value = json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_without_repetition,
        )
    except (ValueError, RecursionError) as exc:
        raise MalformedBody("The body is not valid JSON") from exc
    _refuse_depth(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise MalformedBody(_TOO_LARGE)
    return number


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise MalformedBody(_TOO_LARGE)
    return int(digits)


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; refuse repeated names, of which another parser might pick the other."""
    named = dict(members)
    if len(named) < len(members):
        raise MalformedBody("The body names a field twice")
    return named


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise MalformedBody(f"The body is nested more than {MAX_DEPTH} levels deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
