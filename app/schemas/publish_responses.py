"""Schemas of the responses of the publish routes."""

from __future__ import annotations

from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from app.failures import Category
from app.platforms import PLATFORMS
from app.queues.names import KEEP_COMPLETED, KEEP_FAILED
from app.schemas.base import Json, Moment, ResponseSchema, one_of
from app.schemas.pages import PageQuery, PageSchema
from app.schemas.publish import BACKOFF_TYPES, PRIVACY_LEVELS, Keep
from app.schemas.timeline import Entry, WaitEntrySchema
from app.states import JobState, Step

_STATES = [state.value for state in JobState]
CATEGORIES = [category.value for category in Category]


def _messages(description: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": description},
    )


class LinksSchema(ResponseSchema):
    """Where to follow the job."""

    self = fields.Url()
    status = fields.Url()


class AcceptedSchema(ResponseSchema):
    """An accepted post: it is stored in the database."""

    may_lack = frozenset({"scheduled_time"})

    job_id = fields.String()
    state = one_of(JobState)
    message = one_of(("Publishing in progress", "Post scheduled"))
    scheduled_time = Moment(metadata={"description": "Only for a scheduled post."})
    links = fields.Nested(LinksSchema)


class BatchJobSchema(ResponseSchema):
    """One job of a batch."""

    job_id = fields.String()
    scheduled_time = Moment(
        allow_none=True, metadata={"description": "null for a post that is due at once."}
    )


class BatchAcceptedSchema(ResponseSchema):
    """An accepted batch."""

    batch_id = fields.String()
    jobs = fields.List(fields.Nested(BatchJobSchema))


class ValidationSchema(ResponseSchema):
    """How `POST /api/publish` would respond to a body."""

    valid = fields.Boolean()
    errors = _messages("What would be refused: field path → messages.")
    warnings = _messages("What would be published differently or later: field path → messages.")


class RequestBackoffSchema(ResponseSchema):
    """How long a job waits between attempts."""

    type = one_of(BACKOFF_TYPES)
    delay = fields.Integer(metadata={"description": "Milliseconds."})


class RequestOptionsSchema(ResponseSchema):
    """How the queue treats a job."""

    priority = fields.Integer()
    attempts = fields.Integer()
    backoff = fields.Nested(RequestBackoffSchema)
    remove_on_complete = Keep(KEEP_COMPLETED)
    remove_on_fail = Keep(KEEP_FAILED)


class RequestSchema(ResponseSchema):
    """The request of a job, with defaults filled in."""

    may_lack = frozenset({"share_to_feed"})

    video_id = fields.String()
    platform = one_of(PLATFORMS)
    account_id = fields.String()
    caption = fields.String()
    hashtags = fields.List(fields.String())
    privacy_level = one_of(PRIVACY_LEVELS)
    share_to_feed = fields.Boolean(metadata={"description": "Instagram only."})
    platform_options = fields.Dict(keys=fields.String())
    scheduled_time = Moment(
        allow_none=True, metadata={"description": "null for a post that is due at once."}
    )
    options = fields.Nested(RequestOptionsSchema)


class ResultSchema(ResponseSchema):
    """What is live."""

    platform_post_id = fields.String(
        allow_none=True, metadata={"description": "null until the platform reports it."}
    )
    url = fields.String(allow_none=True)
    platform = one_of(PLATFORMS)


class ErrorSchema(ResponseSchema):
    """Why a job failed, or why it waits."""

    code = fields.String()
    category = one_of(CATEGORIES)
    message = fields.String()
    hint = fields.String(metadata={"description": "What the user can do about it, or empty."})
    retryable = fields.Boolean(metadata={"description": "Whether another attempt can succeed."})


class StatusSchema(ResponseSchema):
    """The status of a job."""

    id = fields.String()
    job_id = fields.String()
    batch_id = fields.String(allow_none=True)
    state = one_of(JobState)
    progress = fields.Integer(metadata={"minimum": 0, "maximum": 100})
    step = one_of(Step, allow_none=True)
    data = Json(RequestSchema)
    result = fields.Nested(ResultSchema, allow_none=True)
    failed_reason = fields.String(allow_none=True)
    error = fields.Nested(ErrorSchema, allow_none=True)
    attempts_made = fields.Integer()
    attempts = fields.Integer(metadata={"description": "The maximum number of attempts."})
    next_attempt_at = Moment(
        allow_none=True, metadata={"description": "When a delayed job continues."}
    )
    scheduled_time = Moment(
        allow_none=True, metadata={"description": "null for a post that is due at once."}
    )
    cancel_requested = fields.Boolean()
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class JobSchema(StatusSchema):
    """A job with its timeline."""

    waiting = fields.Nested(
        WaitEntrySchema,
        allow_none=True,
        metadata={"description": "The current wait, and why; null when there is none."},
    )
    timeline = fields.List(Entry())


class JobsSchema(PageSchema):
    """One page of jobs, newest first."""

    jobs = fields.List(fields.Nested(StatusSchema))


class JobsQuery(PageQuery):
    """The query of the list of jobs."""

    state = fields.String(load_default=None, validate=OneOf(_STATES))
    platform = fields.String(load_default=None, validate=OneOf(tuple(PLATFORMS)))
    batch_id = fields.String(load_default=None)


def without_missing(response: dict[str, Any]) -> dict[str, Any]:
    """Return a response without the fields that are None."""
    return {name: value for name, value in response.items() if value is not None}
