"""Shared parts of the schemas: camelCase, strict JSON types, times and pagination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Regexp

from app.clock import to_iso

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?([Zz]|[+-]\d\d:?[0-5]\d)?", re.ASCII
)
# Neither database can store NUL, and a lone surrogate cannot be encoded in UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: For names, which are shown on one line in pages and logs.
NO_CONTROLS = Regexp(r"[^\x00-\x1f\x7f-\x9f]*\Z", error="Contains control characters.")


class BaseSchema(Schema):
    """camelCase in JSON, snake_case in Python; unknown fields and unstorable text refused."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "Send a JSON object."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name, and words of ours for its absence."""
        field_obj.error_messages["required"] = "This field is required."
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def refuse_unstorable_text(self, data: Any, original: Any, **kwargs: Any) -> None:
        """Refuse text in any field of this object that the database cannot store."""
        if not isinstance(original, Mapping):
            return
        faults = {
            name: ["Contains a NUL or a lone surrogate."]
            for name, value in original.items()
            if _is_unstorable(value)
        }
        if faults:
            raise ValidationError(faults)


class ResponseSchema(BaseSchema):
    """A response: described as always having every field except those in `may_lack`.

    So types generated from the OpenAPI document need no checks for `undefined`.
    """

    may_lack: ClassVar[frozenset[str]] = frozenset()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name and mark it as required."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_name not in self.may_lack


class Flag(fields.Boolean):
    """A JSON boolean; values that merely look like one are refused."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A JSON integer: no string, boolean or fraction."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Words(fields.String):
    """A JSON string that is passed on even where it breaks its bounds, to be checked further."""

    def _validate(self, value: Any) -> None:
        try:
            super()._validate(value)
        except ValidationError as error:
            raise ValidationError(error.messages, valid_data=value) from error


class Listing(fields.List[Any]):
    """A JSON array that reports faults of entries and of the whole together.

    marshmallow's own list also accepts objects, and skips the checks of the whole where an entry
    is invalid. Here an invalid entry is passed on as None, so that positions are kept.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        _refuse_far_too_long(self, value)
        found: list[Any] = []
        faults: dict[Any, Any] = {}
        for position, each in enumerate(value):
            try:
                found.append(self.inner.deserialize(each, **kwargs))
            except ValidationError as error:
                faults[position] = error.messages
                found.append(None)
        if faults:
            raise ValidationError(faults | faults_of_whole(self, found), valid_data=found)
        return found

    def _validate(self, value: Any) -> None:
        faults = faults_of_whole(self, value)
        if faults:
            raise ValidationError(faults["_schema"], valid_data=value)


class Several(fields.Nested):
    """A JSON array of objects that reports faults of entries and of the whole together."""

    def __init__(self, nested: type[Schema], **options: Any) -> None:
        super().__init__(nested, many=True, **options)

    def _load(self, value: Any, partial: Any = None) -> Any:
        _refuse_far_too_long(self, value)
        try:
            return super()._load(value, partial)
        except ValidationError as error:
            assert isinstance(error.messages, dict)
            faults = error.messages | faults_of_whole(self, value)
            raise ValidationError(faults, valid_data=error.valid_data) from error


def faults_of_whole(field: fields.Field[Any], value: Any) -> dict[Any, Any]:
    """Return the faults that a field's own validators find in the whole value."""
    messages: list[Any] = []
    for check in field.validators:
        try:
            check(value)
        except ValidationError as error:
            messages.extend(error.messages)
    return {"_schema": messages} if messages else {}


def _refuse_far_too_long(field: fields.Field[Any], value: Any) -> None:
    """Refuse a list of more than twice its maximum unread, since each entry takes time to load.

    The faults in a list that is only somewhat too long are reported, too.
    """
    for check in field.validators:
        if isinstance(check, Length) and check.max is not None and len(value) > 2 * check.max:
            check(value)


class Json(fields.Nested):
    """An object of a response that is JSON already; its schema only describes it."""

    # marshmallow's own Nested has other parameter names than its base, too
    def _serialize(  # type: ignore[override]
        self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any
    ) -> Any:
        return nested_obj


class Moment(fields.DateTime):
    """A time: ISO 8601 with an offset on the way in, UTC with `Z` on the way out."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else to_iso(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError("Not an ISO 8601 time such as 2026-01-31T18:00:00+01:00.")
        date, clock, seconds, fraction, offset = found.groups()
        if offset is None:
            raise ValidationError(
                "The time has no offset: end it with Z or an offset such as +05:30."
            )
        # Python 3.10 reads neither `Z`, nor offsets without a colon, nor 1 to 9 digits.
        offset = "+00:00" if offset in "Zz" else f"{offset[:3]}:{offset[-2:]}"
        digits = (fraction or ".0")[1:7].ljust(6, "0")
        try:
            moment = datetime.fromisoformat(f"{date}T{clock}{seconds or ':00'}.{digits}{offset}")
            return moment.astimezone(timezone.utc)
        except (ValueError, OverflowError) as exc:
            raise ValidationError("There is no such time.") from exc


def camel(name: str) -> str:
    """Return the camelCase form of a snake_case name."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class CamelKeys(fields.Dict):
    """An object of a response whose keys are snake_case names of ours."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        renamed = {camel(key): each for key, each in value.items()}
        return super()._serialize(renamed, attr, obj)  # type: ignore[no-untyped-call]


def one_of(values: Iterable[str | Enum], **options: Any) -> fields.String:
    """Return a response field whose value is always one of these."""
    names = [value.value if isinstance(value, Enum) else value for value in values]
    return fields.String(validate=OneOf(names), **options)


def _is_unstorable(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_unstorable(each) for each in value)
    return isinstance(value, str) and _UNSTORABLE.search(value) is not None
