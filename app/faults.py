"""The faults of a request: messages for a person, by field path. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Faults = dict[str, list[str]]
#: A fixed message: it is the whole `error` of the response.
PAST_TIME = "Scheduled time is in the past"


def flatten(messages: Any, path: str = "") -> Faults:
    """Flatten marshmallow's nested messages to {field path: [messages]}."""
    if not isinstance(messages, dict):
        return {path or "body": [str(message) for message in messages]}
    faults: Faults = {}
    for name, inner in messages.items():
        below = path if name == "_schema" else f"{path}.{name}".lstrip(".")
        merge(faults, flatten(inner, below))
    return faults


def merge(faults: Faults, more: Mapping[str, list[str]]) -> None:
    """Merge faults into others, field by field, without duplicates."""
    for path, messages in more.items():
        known = faults.setdefault(path, [])
        known.extend(message for message in messages if message not in known)


def below(path: str, faults: Mapping[str, list[str]]) -> Faults:
    """Return the faults of a nested part, with their paths prefixed."""
    return {f"{path}.{name}": messages for name, messages in faults.items()}
