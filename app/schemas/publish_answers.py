"""What the publish routes answer."""

from __future__ import annotations

from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from app.platforms import PLATFORMS
from app.schemas.base import BaseSchema, Moment, PageQuery, PageSchema
from app.states import JobState, Step

_STATES = [state.value for state in JobState]
_STEPS = [step.value for step in Step]
_CATEGORIES = [
    "network",
    "platform",
    "rate_limit",
    "token",
    "account",
    "video",
    "request",
    "ambiguous",
    "internal",
]


def _messages(description: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": description},
    )


class LinksSchema(BaseSchema):
    """Where to read on."""

    self = fields.Url()
    status = fields.Url()


class AcceptedSchema(BaseSchema):
    """A post that is taken on: it is in the database."""

    job_id = fields.String()
    state = fields.String(validate=OneOf(_STATES))
    message = fields.String(validate=OneOf(("Publishing in progress", "Post scheduled")))
    scheduled_time = Moment(metadata={"description": "Only of a scheduled post."})
    links = fields.Nested(LinksSchema)


class BatchJobSchema(BaseSchema):
    """One job of a batch."""

    job_id = fields.String()
    scheduled_time = Moment()


class BatchAcceptedSchema(BaseSchema):
    """A batch that is taken on."""

    batch_id = fields.String()
    jobs = fields.List(fields.Nested(BatchJobSchema))


class ValidationSchema(BaseSchema):
    """What `POST /api/publish` would say to a body."""

    valid = fields.Boolean()
    errors = _messages("What would be refused: field path → messages.")
    warnings = _messages("What works, but not as wished: field path → messages.")


class ResultSchema(BaseSchema):
    """What is live."""

    platform_post_id = fields.String(
        allow_none=True, metadata={"description": "null while the platform does not tell it."}
    )
    url = fields.String(allow_none=True)
    platform = fields.String(validate=OneOf(tuple(PLATFORMS)))


class ErrorSchema(BaseSchema):
    """Why a job failed, or why it waits."""

    code = fields.String()
    category = fields.String(validate=OneOf(_CATEGORIES))
    message = fields.String()
    hint = fields.String(metadata={"description": "What the user can do about it, or empty."})
    retryable = fields.Boolean(metadata={"description": "Whether trying again can help."})


class StatusSchema(BaseSchema):
    """Where a job is."""

    id = fields.String()
    job_id = fields.String()
    batch_id = fields.String(allow_none=True)
    state = fields.String(validate=OneOf(_STATES))
    progress = fields.Integer(metadata={"minimum": 0, "maximum": 100})
    step = fields.String(allow_none=True, validate=OneOf(_STEPS))
    data = fields.Dict(metadata={"description": "The request, its defaults filled in."})
    result = fields.Nested(ResultSchema, allow_none=True)
    failed_reason = fields.String(allow_none=True)
    error = fields.Nested(ErrorSchema, allow_none=True)
    attempts_made = fields.Integer()
    attempts = fields.Integer(metadata={"description": "How many attempts there are at most."})
    next_attempt_at = Moment(
        allow_none=True, metadata={"description": "When a delayed job goes on."}
    )
    scheduled_time = Moment(allow_none=True)
    cancel_requested = fields.Boolean()
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class EntryErrorSchema(BaseSchema):
    """Why an attempt or step ended, or why a wait began."""

    code = fields.String(allow_none=True)
    category = fields.String(allow_none=True)
    message = fields.String()


class EntrySchema(BaseSchema):
    """One span or moment of a job's life; `endedAt` is null while it lasts."""

    kind = fields.String(validate=OneOf(("attempt", "step", "wait", "change")))
    name = fields.String()
    attempt = fields.Integer()
    started_at = Moment()
    ended_at = Moment(allow_none=True)
    until = Moment(allow_none=True)
    outcome = fields.String(allow_none=True)
    error = fields.Nested(EntryErrorSchema, allow_none=True)


class JobSchema(StatusSchema):
    """A job with its timeline."""

    waiting = fields.Nested(
        EntrySchema,
        allow_none=True,
        metadata={"description": "The wait that goes on now, and why; null when there is none."},
    )
    timeline = fields.List(fields.Nested(EntrySchema))


class JobsSchema(PageSchema):
    """One page of jobs, newest first."""

    jobs = fields.List(fields.Nested(StatusSchema))


class JobsQuery(PageQuery):
    """Which jobs to list."""

    state = fields.String(load_default=None, validate=OneOf(_STATES))
    platform = fields.String(load_default=None, validate=OneOf(tuple(PLATFORMS)))
    batch_id = fields.String(load_default=None)


def without_missing(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what it does not have."""
    return {name: value for name, value in answer.items() if value is not None}
