"""Schemas of a job's timeline: one for each kind of entry, told apart by `kind`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from app.failures import Category
from app.schemas.base import Moment, ResponseSchema, one_of
from app.states import Step
from app.timeline_words import CHANGES, OUTCOMES, WAITS


def _explained(words: Mapping[Any, str], **options: Any) -> fields.String:
    """Return a field that has one of these words, which its description explains."""
    meanings = "; ".join(f"`{word}`: {meaning}" for word, meaning in words.items())
    return one_of(words, metadata={"description": f"{meanings}."}, **options)


class EntryErrorSchema(ResponseSchema):
    """Why an attempt or step ended, or why a wait began; or the words of a change."""

    code = fields.String(allow_none=True)
    category = one_of(Category, allow_none=True)
    message = fields.String()


class EntrySchema(ResponseSchema):
    """What every entry contains; `endedAt` is null while it lasts."""

    kind = fields.String()
    name = fields.String()
    attempt = fields.Integer()
    started_at = Moment()
    ended_at = Moment(allow_none=True)
    until = Moment(
        allow_none=True, metadata={"description": "When a wait is expected to end, if known."}
    )
    outcome = _explained(OUTCOMES, allow_none=True)
    error = fields.Nested(EntryErrorSchema, allow_none=True)


class AttemptEntrySchema(EntrySchema):
    """One try of the job."""

    kind = one_of(("attempt",))
    name = fields.String(metadata={"description": "`attempt` and its number."})


class StepEntrySchema(EntrySchema):
    """One step of an attempt."""

    kind = one_of(("step",))
    name = one_of(Step)


class WaitEntrySchema(EntrySchema):
    """A span in which the job waits."""

    kind = one_of(("wait",))
    name = _explained(WAITS)


class ChangeEntrySchema(EntrySchema):
    """A moment: what happened to the job."""

    kind = one_of(("change",))
    name = _explained(CHANGES)


#: The schema of each kind of entry, by its name in the OpenAPI document.
ENTRIES: dict[str, type[Schema]] = {
    "AttemptEntry": AttemptEntrySchema,
    "StepEntry": StepEntrySchema,
    "WaitEntry": WaitEntrySchema,
    "ChangeEntry": ChangeEntrySchema,
}


class Entry(fields.Field[Any]):
    """An entry of any kind."""

    def __init__(self) -> None:
        described = [{"$ref": f"#/components/schemas/{name}"} for name in ENTRIES]
        super().__init__(metadata={"oneOf": described})

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return _ANY.dump(value)


_ANY = EntrySchema()  # all kinds have the same fields
