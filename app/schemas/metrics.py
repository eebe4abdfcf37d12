"""What the service tells of itself."""

from __future__ import annotations

from marshmallow import fields
from marshmallow.validate import OneOf

from app.platforms import PLATFORMS
from app.queries.depths import COUNT_MAX
from app.queries.peaks import NEAR_PERCENT
from app.schemas.base import AnswerSchema, BaseSchema, Moment
from app.schemas.platform import LimitSchema

MANY = f"More than {COUNT_MAX} are told as so many."
WINDOW_NAMES = ("1h", "24h", "7d")


class MetricsQuery(BaseSchema):
    """Which window."""

    window = fields.String(load_default="24h", validate=OneOf(WINDOW_NAMES))


class QuantilesSchema(AnswerSchema):
    """The values that half, 95 and 99 of a hundred do not exceed; null without any."""

    p50 = fields.Float(allow_none=True)
    p95 = fields.Float(allow_none=True)
    p99 = fields.Float(allow_none=True)


class ErrorCountSchema(AnswerSchema):
    """An error, and how many attempts ended with it."""

    category = fields.String()
    code = fields.String()
    count = fields.Integer()


class EndedSchema(AnswerSchema):
    """What ended within the window."""

    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    completed_per_hour = fields.Float()
    failed_per_hour = fields.Float()
    first_attempt_share = fields.Float(
        allow_none=True,
        metadata={"description": "Of those that ended, how many were live after one attempt, 0–1."},
    )
    success_share = fields.Float(
        allow_none=True, metadata={"description": "Of those that ended, how many are live, 0–1."}
    )
    retries_per_job = fields.Float(allow_none=True)
    uploaded_bytes = fields.Integer(
        metadata={"description": "Sent by workers; a video fetched by its link adds nothing."}
    )
    due_to_start_seconds = fields.Nested(QuantilesSchema)
    start_to_live_seconds = fields.Nested(QuantilesSchema)
    upload_bytes_per_second = fields.Nested(QuantilesSchema)
    errors = fields.List(
        fields.Nested(ErrorCountSchema), metadata={"description": "The most common ones first."}
    )


class AccountPeakSchema(AnswerSchema):
    """A limit that each account has for itself, over all accounts."""

    counts = fields.String(attribute="limit.counts")
    window_seconds = fields.Integer(attribute="limit.window_seconds")
    most_used = fields.Integer(metadata={"description": "The most that one account has used."})
    share = fields.Float(
        metadata={"description": "The greatest share of its own limit that one has used, 0–1."}
    )
    accounts_near = fields.Integer(
        metadata={"description": f"Accounts that have used {NEAR_PERCENT} % of theirs or more."}
    )


class PlatformMetricsSchema(EndedSchema):
    """A platform: what ended, what waits, its limits that all accounts share, and how near
    accounts are to those of their own."""

    platform = fields.String(validate=OneOf(tuple(PLATFORMS)))
    waiting = fields.Integer(metadata={"description": MANY})
    delayed = fields.Integer(metadata={"description": MANY})
    active = fields.Integer(metadata={"description": MANY})
    late_seconds = fields.Float(
        metadata={"description": "For how long the longest due job has waited for a worker."}
    )
    limits = fields.List(fields.Nested(LimitSchema))
    account_peaks = fields.List(fields.Nested(AccountPeakSchema))


class PointSchema(AnswerSchema):
    """One of the window's equal spans."""

    start = Moment()
    platform = fields.String()
    completed = fields.Integer()
    failed = fields.Integer()


class SeriesSchema(AnswerSchema):
    """The window span by span, oldest first; a platform with nothing in a span is left out."""

    seconds = fields.Integer()
    points = fields.List(fields.Nested(PointSchema))


class QueueSchema(AnswerSchema):
    """An RQ queue."""

    queue = fields.String()
    queued = fields.Integer()
    scheduled = fields.Integer()


class ProcessesSchema(AnswerSchema):
    """Who is at work, and what Redis tells of the queues."""

    queues = fields.List(
        fields.Nested(QueueSchema),
        allow_none=True,
        metadata={"description": "null while Redis does not answer."},
    )
    workers = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Workers alive, by platform."},
    )
    scheduler_leads = fields.Boolean()


class TroublesSchema(AnswerSchema):
    """What may need a person."""

    pending_notifications = fields.Integer(metadata={"description": MANY})
    dead_notifications = fields.Integer(metadata={"description": MANY})
    accounts_to_reconnect = fields.Integer(metadata={"description": MANY})
    ambiguous_jobs = fields.Integer(
        metadata={"description": f"Jobs that wait for `…/resolve`. {MANY}"}
    )


class MetricsSchema(AnswerSchema):
    """The service within a window."""

    window = fields.String(validate=OneOf(WINDOW_NAMES))
    start = Moment(metadata={"description": "On the five minutes before the window."})
    end = Moment()
    total = fields.Nested(EndedSchema)
    platforms = fields.List(fields.Nested(PlatformMetricsSchema))
    series = fields.Nested(SeriesSchema)
    processes = fields.Nested(ProcessesSchema)
    troubles = fields.Nested(TroublesSchema)
