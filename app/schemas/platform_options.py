"""The schema of each platform's `platformOptions`, built from the registry of platforms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from app.faults import Faults, flatten
from app.platforms import PLATFORMS, Option
from app.schemas.base import BaseSchema, Flag, Listing, Moment, Whole

_LONGEST_TEXT = 5000
_MOST_TEXTS = 500
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Validators of single options beyond those of their kind.
_EXTRA_VALIDATORS: dict[str, list[Any]] = {
    "categoryId": [Regexp(_DIGITS, error='A category is a number in quotes, such as "22".')],
}


_DESCRIBED: dict[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "minimum": 0},
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "url": {"type": "string", "format": "uri"},
    "date": {"type": "string"},
    "language": {"type": "string"},
}


class Day(fields.String):
    """A date or a time, kept as written."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        Moment().deserialize(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
        return text


def checked_options(
    platform: str | None, options: Mapping[str, Any]
) -> tuple[dict[str, Any], Faults]:
    """Return the options that the platform accepts, and what is wrong with the others.

    Without a known platform, only options that no platform has are refused.
    """
    faults: Faults = {}
    own: dict[str, Any] = {}
    for name, value in options.items():
        refusal = _refusal(platform, name)
        if refusal:
            faults[f"platformOptions.{name}"] = [refusal]
        else:
            own[name] = value
    if platform is None or not own:  # no option is required
        return {}, faults
    try:
        return dict(SCHEMAS[platform].load(own)), faults
    except ValidationError as error:
        faults.update(flatten(error.messages, "platformOptions"))
        assert isinstance(error.valid_data, dict)
        broken = {path.split(".")[1] for path in faults}
        return {name: own[name] for name in error.valid_data if name not in broken}, faults


def described_options() -> dict[str, Any]:
    """Return the OpenAPI schema of `platformOptions`: every option, and which platforms have it."""
    homes: dict[str, list[str]] = {}
    kinds: dict[str, Option] = {}
    for platform in PLATFORMS.values():
        for name, option in platform.options.items():
            homes.setdefault(name, []).append(platform.name)
            kinds[name] = option
    properties = {
        name: {**_DESCRIBED[kinds[name].kind], "description": ", ".join(homes[name])}
        for name in sorted(homes)
    }
    return {
        "description": "Only options of the target platform.",
        "properties": properties,
        "additionalProperties": False,
    }


def _refusal(platform: str | None, name: str) -> str:
    homes = [key for key, entry in PLATFORMS.items() if name in entry.options]
    if platform in homes or (platform is None and homes):
        return ""
    if homes:
        others = " and ".join(PLATFORMS[key].name for key in homes)
        return f"This is an option of {others}."
    return "No platform has this option."


def _field(name: str, option: Option) -> fields.Field[Any]:
    checks: list[Any] = list(_EXTRA_VALIDATORS.get(name, []))
    if option.choices:
        checks.append(OneOf(option.choices))
    if option.kind == "bool":
        return Flag()
    if option.kind == "int":
        return Whole(validate=[Range(0, option.max), *checks])
    if option.kind == "texts":
        entry = fields.String(validate=Length(1, _LONGEST_TEXT))
        return Listing(entry, validate=[Length(max=option.max or _MOST_TEXTS), *checks])
    checks.append(Length(max=option.max or _LONGEST_TEXT))
    if option.kind == "url":
        return fields.URL(schemes={"https"}, validate=checks)
    if option.kind == "date":
        return Day(validate=checks)
    if option.kind == "language":
        checks.append(Regexp(_LANGUAGE, error="A language is a BCP 47 tag, such as en-GB."))
    return fields.String(validate=checks)


def _schema(platform: str) -> Schema:
    named = {name: _field(name, option) for name, option in PLATFORMS[platform].options.items()}
    return BaseSchema.from_dict(named, name=f"{PLATFORMS[platform].name}Options")()


SCHEMAS: dict[str, Schema] = {platform: _schema(platform) for platform in PLATFORMS}
