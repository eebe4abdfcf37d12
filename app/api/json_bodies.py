"""A strict JSON parser: what the standard leaves open is refused rather than guessed."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from app.api.errors import MalformedBody

#: Deeper than any body of the API, and shallow enough for code that recurses over a body later.
MAX_DEPTH = 32


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text; raises `MalformedBody`."""
    try:
        value = json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
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
        raise ValueError("the number is too large")
    return number


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
