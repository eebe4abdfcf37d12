"""Schemas of requests for an event stream."""

from __future__ import annotations

from marshmallow import fields
from marshmallow.validate import Length

from app.schemas.base import BaseSchema


class EventsQuery(BaseSchema):
    """The credentials of a client that cannot send headers."""

    access_token = fields.String(
        data_key="access_token",
        load_default="",
        validate=Length(max=4096),
        metadata={
            "description": "A JWT, for a browser's `EventSource`, which cannot send "
            "`Authorization`. Never a service key."
        },
    )


class EventsHeaders(BaseSchema):
    """The position of a client that reconnects."""

    last_event_id = fields.String(
        data_key="Last-Event-ID",
        load_default="",
        validate=Length(max=128),
        metadata={"description": "The `id` of the last event received; browsers send it."},
    )
