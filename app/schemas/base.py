"""What the schemas share: camelCase, strict JSON types, times, and pages of a list."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import OneOf, Range, Regexp

from app.clock import to_iso
from app.ids import is_id

MAX_PAGE = 100
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?([Zz]|[+-]\d\d:?[0-5]\d)?", re.ASCII
)
# Neither database can store NUL, and half of a surrogate pair is no text in UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: Names are shown on one line, in pages and in logs.
NO_CONTROLS = Regexp(r"[^\x00-\x1f\x7f-\x9f]*\Z", error="Holds control characters.")


class BaseSchema(Schema):
    """camelCase in JSON, snake_case in Python; unknown fields and unstorable text refused."""

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name."""
        if field_obj.data_key is None:
            head, *tail = field_name.split("_")
            field_obj.data_key = head + "".join(part.capitalize() for part in tail)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def refuse_unstorable_text(self, data: Any, original: Any, **kwargs: Any) -> None:
        """Refuse text that no database takes, wherever it stands in this object."""
        if not isinstance(original, Mapping):
            return
        faults = {
            name: ["Holds a NUL or half of a surrogate pair."]
            for name, value in original.items()
            if _is_unstorable(value)
        }
        if faults:
            raise ValidationError(faults)


class AnswerSchema(BaseSchema):
    """What is answered: described as always having every field, but those in `may_lack`.

    So that the types which callers make of the description do not have them look for `undefined`.
    """

    may_lack: ClassVar[frozenset[str]] = frozenset()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its camelCase name, and require it."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_name not in self.may_lack


class Flag(fields.Boolean):
    """A JSON boolean, and nothing that looks like one."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A JSON whole number: no text, no boolean, no fraction."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Words(fields.String):
    """A JSON text; where it breaks its bounds, it is handed on, for the rest to be judged too."""

    def _validate(self, value: Any) -> None:
        try:
            super()._validate(value)
        except ValidationError as error:
            raise ValidationError(error.messages, valid_data=value) from error


class Listing(fields.List[Any]):
    """A JSON array; marshmallow's own list takes an object too, and tells of no bound of the
    whole where an entry is wrong. A wrong one is handed on as None, so that all keep their place.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
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
    """A JSON array of objects, whose bounds are told of together with what is wrong in it."""

    def __init__(self, nested: type[Schema], **options: Any) -> None:
        super().__init__(nested, many=True, **options)

    def _load(self, value: Any, partial: Any = None) -> Any:
        try:
            return super()._load(value, partial)
        except ValidationError as error:
            assert isinstance(error.messages, dict)
            faults = error.messages | faults_of_whole(self, value)
            raise ValidationError(faults, valid_data=error.valid_data) from error


def faults_of_whole(field: fields.Field[Any], value: Any) -> dict[Any, Any]:
    """Return what a field's own checks say of a value, to be told beside faults of its parts."""
    said: list[Any] = []
    for check in field.validators:
        try:
            check(value)
        except ValidationError as error:
            said.extend(error.messages)
    return {"_schema": said} if said else {}


class Json(fields.Nested):
    """An object of an answer that is JSON already: the schema only describes it."""

    # marshmallow's own Nested does not have its base's names either
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
            raise ValidationError("Not a time in ISO 8601, such as 2026-01-31T18:00:00+01:00.")
        date, clock, seconds, fraction, offset = found.groups()
        if offset is None:
            raise ValidationError("The time has no offset: end it with Z or with one like +05:30.")
        # Python 3.10 reads neither `Z`, nor offsets without a colon, nor 1 to 9 digits.
        offset = "+00:00" if offset in "Zz" else f"{offset[:3]}:{offset[-2:]}"
        digits = (fraction or ".0")[1:7].ljust(6, "0")
        try:
            moment = datetime.fromisoformat(f"{date}T{clock}{seconds or ':00'}.{digits}{offset}")
            return moment.astimezone(timezone.utc)
        except (ValueError, OverflowError) as exc:
            raise ValidationError("There is no such time.") from exc


class Cursor(fields.String):
    """The place where a page begins, opaque to callers: the id of the last row seen."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value.encode()).decode()

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        try:
            seen = base64.b64decode(str(value).encode("ascii"), altchars=b"-_", validate=True)
            last_id = seen.decode("ascii")
        except (binascii.Error, UnicodeError) as exc:
            raise ValidationError("Not a cursor of this list.") from exc
        if not is_id(last_id):
            raise ValidationError("Not a cursor of this list.")
        return last_id


def one_of(values: Iterable[str | Enum], **options: Any) -> fields.String:
    """Return a field of an answer that is always one of these values."""
    names = [value.value if isinstance(value, Enum) else value for value in values]
    return fields.String(validate=OneOf(names), **options)


class PageQuery(BaseSchema):
    """The query of every list: newest first, `limit` at a time."""

    limit = fields.Integer(
        load_default=20,
        validate=Range(1, MAX_PAGE),
        metadata={"description": "How many to answer at most."},
    )
    cursor = Cursor(
        load_default=None, metadata={"description": "`nextCursor` of the page before this one."}
    )


class PageSchema(AnswerSchema):
    """What every list answers besides the list itself."""

    next_cursor = Cursor(allow_none=True, metadata={"description": "null on the last page."})


def _is_unstorable(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_unstorable(each) for each in value)
    return isinstance(value, str) and _UNSTORABLE.search(value) is not None
