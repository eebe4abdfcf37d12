"""Schemas of the webhook's events, for the OpenAPI document; the outbox writes them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from app.platforms import PLATFORMS
from app.publishing import outbox
from app.schemas.base import Moment, ResponseSchema, one_of
from app.schemas.publish_responses import CATEGORIES

_HEADERS = {
    "webhook-id": "The same on every delivery of this event.",
    "webhook-timestamp": "Seconds since 1970.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64; several are separated by spaces.",
}


class EventErrorSchema(ResponseSchema):
    """What went wrong, or is likely to."""

    code = fields.String()
    category = one_of(CATEGORIES)
    message = fields.String()
    hint = fields.String(metadata={"description": "What the user can do about it, or empty."})


def _nothing() -> fields.Field[Any]:
    """Return a field of a job's event that has no value in events of this type."""
    return fields.Raw(metadata={"type": "null"})


class JobDataSchema(ResponseSchema):
    """What the data of every job's event contains."""

    job_id = fields.String()
    user_id = fields.String()
    account_id = fields.String()
    video_id = fields.String()
    video_title = fields.String()
    platform = one_of(PLATFORMS)
    title = fields.String(metadata={"description": "For a person: “Video Published!”"})
    message = fields.String()
    platform_post_id = _nothing()
    url = _nothing()
    error = _nothing()


class CompletedDataSchema(JobDataSchema):
    """The data of a job that was completed."""

    platform_post_id = fields.String(
        allow_none=True, metadata={"description": "null until the platform reports it."}
    )
    url = fields.String(allow_none=True)
    warnings = fields.List(
        fields.String(), metadata={"description": "What differs from the request."}
    )


class FailedDataSchema(JobDataSchema):
    """The data of a job that failed."""

    error = fields.Nested(EventErrorSchema)


class CancelledDataSchema(JobDataSchema):
    """The data of a job that was cancelled."""


class AtRiskDataSchema(JobDataSchema):
    """The data of a job that is at risk."""

    error = fields.Nested(EventErrorSchema)
    scheduled_time = Moment(metadata={"description": "When the post is due."})


class ReconnectDataSchema(ResponseSchema):
    """The data of an account that must be connected again."""

    account_id = fields.String()
    user_id = fields.String()
    platform = one_of(PLATFORMS)
    username = fields.String()
    title = fields.String()
    message = fields.String()
    error = fields.Nested(EventErrorSchema)


class CompletedEventSchema(ResponseSchema):
    """A post is live."""

    type = one_of((outbox.COMPLETED,))
    timestamp = Moment()
    data = fields.Nested(CompletedDataSchema)


class FailedEventSchema(ResponseSchema):
    """A job has failed."""

    type = one_of((outbox.FAILED,))
    timestamp = Moment()
    data = fields.Nested(FailedDataSchema)


class CancelledEventSchema(ResponseSchema):
    """A job was cancelled."""

    type = one_of((outbox.CANCELLED,))
    timestamp = Moment()
    data = fields.Nested(CancelledDataSchema)


class AtRiskEventSchema(ResponseSchema):
    """A scheduled post will probably not go out in time."""

    type = one_of((outbox.AT_RISK,))
    timestamp = Moment()
    data = fields.Nested(AtRiskDataSchema)


class ReconnectEventSchema(ResponseSchema):
    """An account must be connected again."""

    type = one_of((outbox.RECONNECT_REQUIRED,))
    timestamp = Moment()
    data = fields.Nested(ReconnectDataSchema)


class PingEventSchema(ResponseSchema):
    """`make doctor` checks the receiver. It concerns no user."""

    type = one_of((outbox.PING,))
    timestamp = Moment()
    data = fields.Raw(metadata={"type": "object", "additionalProperties": False})


#: The schema of each type of event, by its name in the OpenAPI document.
EVENTS: dict[str, type[Schema]] = {
    "CompletedEvent": CompletedEventSchema,
    "FailedEvent": FailedEventSchema,
    "CancelledEvent": CancelledEventSchema,
    "AtRiskEvent": AtRiskEventSchema,
    "ReconnectEvent": ReconnectEventSchema,
}
#: Any of them; `type` tells which.
ANY_EVENT: dict[str, Any] = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in EVENTS]}


def described_webhooks() -> dict[str, Any]:
    """Return the `webhooks` of the OpenAPI document, whose components have the schemas."""
    event = _described(
        "receiveEvent",
        "Receive how a post ended, or that someone must act",
        "Sent to `WEBHOOK_URL`, signed as Standard Webhooks with `WEBHOOK_SECRET`: at least once, "
        "in order per job, and again for three days until the response is a 2xx.",
        "Event",
    )
    ping = _described(
        "receivePing",
        "Receive a check by `make doctor`",
        "Sent once to the same URL, signed in the same way; any 2xx passes the check.",
        "PingEvent",
    )
    return {"event": {"post": event}, "ping": {"post": ping}}


def _described(operation: str, summary: str, description: str, body: str) -> dict[str, Any]:
    headers = [
        {
            "in": "header",
            "name": name,
            "required": True,
            "description": words,
            "schema": {"type": "string"},
        }
        for name, words in _HEADERS.items()
    ]
    schema = {"$ref": f"#/components/schemas/{body}"}
    return {
        "operationId": operation,
        "summary": summary,
        "description": description,
        "security": [],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "Received."}},
    }
