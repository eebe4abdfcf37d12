"""Schemas of the metrics."""

from __future__ import annotations

from marshmallow import fields
from marshmallow.validate import OneOf

from app.failures import Category
from app.platforms import PLATFORMS
from app.queries.depths import COUNT_MAX
from app.queries.metrics import WINDOWS
from app.queries.peaks import NEAR_PERCENT
from app.schemas.base import BaseSchema, Moment, ResponseSchema, one_of
from app.schemas.platform_info import COUNTED, LimitSchema

CAPPED = f"Capped at {COUNT_MAX}."


class MetricsQuery(BaseSchema):
    """The query of the metrics."""

    window = fields.String(load_default="24h", validate=OneOf(WINDOWS))


class QuantilesSchema(ResponseSchema):
    """The median and the 95th and 99th percentile; null without values."""

    p50 = fields.Float(allow_none=True)
    p95 = fields.Float(allow_none=True)
    p99 = fields.Float(allow_none=True)


class ErrorCountSchema(ResponseSchema):
    """An error, and the number of attempts that ended with it."""

    category = one_of(Category)
    code = fields.String()
    count = fields.Integer()


class EndedSchema(ResponseSchema):
    """What ended within the window."""

    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    completed_per_hour = fields.Float()
    failed_per_hour = fields.Float()
    first_attempt_share = fields.Float(
        allow_none=True,
        metadata={"description": "Share of finished jobs that were live after one attempt, 0–1."},
    )
    success_share = fields.Float(
        allow_none=True, metadata={"description": "Share of finished jobs that went live, 0–1."}
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


class AccountPeakSchema(ResponseSchema):
    """A per-account limit, aggregated over all accounts."""

    counts = one_of(COUNTED, attribute="limit.counts")
    window_seconds = fields.Integer(attribute="limit.window_seconds")
    most_used = fields.Integer(metadata={"description": "The highest use of any account."})
    share = fields.Float(
        metadata={
            "description": "The highest share of its own limit that any account has used, 0–1."
        }
    )
    accounts_near = fields.Integer(
        metadata={
            "description": f"Accounts that have used {NEAR_PERCENT} % of their limit or more."
        }
    )


class PlatformMetricsSchema(EndedSchema):
    """A platform: what ended, what is open, its shared limits, and how near accounts are to their
    own limits."""

    platform = one_of(PLATFORMS)
    waiting = fields.Integer(metadata={"description": CAPPED})
    delayed = fields.Integer(metadata={"description": CAPPED})
    active = fields.Integer(metadata={"description": CAPPED})
    late_seconds = fields.Float(
        metadata={"description": "How long ago the earliest job that waits for a worker was due."}
    )
    limits = fields.List(fields.Nested(LimitSchema))
    account_peaks = fields.List(fields.Nested(AccountPeakSchema))


class PointSchema(ResponseSchema):
    """One of the window's equal spans."""

    start = Moment()
    platform = one_of(PLATFORMS)
    completed = fields.Integer()
    failed = fields.Integer()


class SeriesSchema(ResponseSchema):
    """The window span by span, oldest first; platforms with nothing in a span are left out."""

    seconds = fields.Integer()
    points = fields.List(fields.Nested(PointSchema))


class QueueSchema(ResponseSchema):
    """An RQ queue."""

    queue = fields.String()
    queued = fields.Integer()
    scheduled = fields.Integer()


class ProcessesSchema(ResponseSchema):
    """The living processes, and the depths of the queues."""

    queues = fields.List(
        fields.Nested(QueueSchema),
        allow_none=True,
        metadata={"description": "null while Redis does not respond."},
    )
    workers = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Living workers by platform."},
    )
    scheduler_leads = fields.Boolean()


class TroublesSchema(ResponseSchema):
    """What may need the operator."""

    pending_notifications = fields.Integer(metadata={"description": CAPPED})
    stored_notifications = fields.Integer(
        metadata={"description": f"Without `WEBHOOK_URL` they are not sent. {CAPPED}"}
    )
    dead_notifications = fields.Integer(metadata={"description": CAPPED})
    accounts_to_reconnect = fields.Integer(metadata={"description": CAPPED})
    ambiguous_jobs = fields.Integer(
        metadata={"description": f"Jobs that need `…/resolve`. {CAPPED}"}
    )


class MetricsSchema(ResponseSchema):
    """The service within a window."""

    window = one_of(WINDOWS)
    start = Moment(metadata={"description": "Rounded down to five minutes."})
    end = Moment()
    total = fields.Nested(EndedSchema)
    platforms = fields.List(fields.Nested(PlatformMetricsSchema))
    series = fields.Nested(SeriesSchema)
    processes = fields.Nested(ProcessesSchema)
    troubles = fields.Nested(TroublesSchema)
