"""Schemas of the webhook's events, for the OpenAPI document; the outbox writes them."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

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


class JobEventDataSchema(ResponseSchema):
    """The data of a job's event."""

    may_lack = frozenset({"warnings", "scheduled_time"})

    job_id = fields.String()
    user_id = fields.String()
    account_id = fields.String()
    video_id = fields.String()
    video_title = fields.String()
    platform = one_of(PLATFORMS)
    title = fields.String(metadata={"description": "For a person: “Video Published!”"})
    message = fields.String()
    platform_post_id = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    error = fields.Nested(
        EventErrorSchema,
        allow_none=True,
        metadata={"description": "Only for `publish.failed` and `publish.at_risk`."},
    )
    warnings = fields.List(
        fields.String(),
        metadata={"description": "For `publish.completed`: what differs from the request."},
    )
    scheduled_time = Moment(
        allow_none=True, metadata={"description": "For `publish.at_risk`: when the post is due."}
    )


class JobEventSchema(ResponseSchema):
    """A job has ended, or is at risk of not going out in time."""

    type = one_of((outbox.COMPLETED, outbox.FAILED, outbox.CANCELLED, outbox.AT_RISK))
    timestamp = Moment()
    data = fields.Nested(JobEventDataSchema)


class AccountEventDataSchema(ResponseSchema):
    """The data of an account's event."""

    account_id = fields.String()
    user_id = fields.String()
    platform = one_of(PLATFORMS)
    username = fields.String()
    title = fields.String()
    message = fields.String()
    error = fields.Nested(EventErrorSchema)


class AccountEventSchema(ResponseSchema):
    """An account must be reconnected."""

    type = one_of((outbox.RECONNECT_REQUIRED,))
    timestamp = Moment()
    data = fields.Nested(AccountEventDataSchema)


def described_webhooks() -> dict[str, Any]:
    """Return the `webhooks` of the OpenAPI document; both schemas are among its components."""
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
    events = [{"$ref": f"#/components/schemas/{name}"} for name in ("JobEvent", "AccountEvent")]
    receive = {
        "operationId": "receiveEvent",
        "summary": "Receive how a post ended, or that someone must act",
        "description": "Sent to `WEBHOOK_URL`, signed as Standard Webhooks with `WEBHOOK_SECRET`: "
        "at least once, in order per job, and again for three days until the response is a 2xx.",
        "security": [],
        "parameters": headers,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": events}}},
        },
        "responses": {
            "2XX": {"description": "Received; after any other response it is redelivered."}
        },
    }
    return {"event": {"post": receive}}
