"""What is wrong with a request: messages for a person by the path of the field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Faults = dict[str, list[str]]
#: The contract words this one: it is the whole `error` of the answer.
PAST_TIME = "Scheduled time is in the past"


def flatten(messages: Any, path: str = "") -> Faults:
    """Return marshmallow's nested messages as {field path: [messages]}."""
    if not isinstance(messages, dict):
        return {path or "body": [str(message) for message in messages]}
    faults: Faults = {}
    for name, inner in messages.items():
        below = path if name == "_schema" else f"{path}.{name}".lstrip(".")
        merge(faults, flatten(inner, below))
    return faults


def merge(faults: Faults, more: Mapping[str, list[str]]) -> None:
    """Add faults to others, field by field, without saying anything twice."""
    for path, messages in more.items():
        known = faults.setdefault(path, [])
        known.extend(message for message in messages if message not in known)


def below(path: str, faults: Mapping[str, list[str]]) -> Faults:
    """Return the faults of a part of a request by their paths in the whole."""
    return {f"{path}.{name}": messages for name, messages in faults.items()}
