"""Strict parsing of request bodies: content type, known fields, types."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    """Return whether it is a string."""
    return isinstance(value, str)


def is_flag(value: Any) -> bool:
    """Return whether it is a boolean."""
    return isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Return whether it is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_object(value: Any) -> bool:
    """Return whether it is a JSON object."""
    return isinstance(value, dict)


def is_text_list(value: Any) -> bool:
    """Return whether it is a list of strings."""
    return isinstance(value, list) and all(isinstance(element, str) for element in value)


def one_of(*values: str) -> Check:
    """Return a check for one of the given strings."""
    return lambda value: value in values


def first_fault(body: Mapping[str, Any], known: Mapping[str, Check]) -> str | None:
    """Describe the first bad field; None when all are known and well typed."""
    for name, value in body.items():
        if name not in known:
            return f"unknown field {name}"
        if not known[name](value):
            return f"bad value for {name}"
    return None


def json_object() -> dict[str, Any]:
    """Return the request's JSON object. Raises ValueError saying what is wrong with it."""
    if request.mimetype != "application/json":
        raise ValueError("Content-Type must be application/json")
    body = json.loads(request.get_data(cache=False).decode("utf-8"))
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def form_fields() -> dict[str, str]:
    """Return a form body's fields. Raises ValueError for another content type or a repeat."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise ValueError("Content-Type must be application/x-www-form-urlencoded")
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise ValueError("a field is given twice")
    return request.form.to_dict()


def utf16_units(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def bearer_token() -> str | None:
    """Return the token of an `Authorization: Bearer` header."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme == "Bearer" and value.strip() else None
