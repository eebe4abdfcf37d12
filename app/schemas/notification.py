"""Schemas of notifications, for the operator."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import fields

from app.models import Notification
from app.publishing.outbox import EVENT_TYPES
from app.schemas.base import Moment, ResponseSchema, one_of
from app.schemas.pages import PageQuery, PageSchema
from app.schemas.webhook import ANY_EVENT
from app.states import NotificationState


class NotificationsQuery(PageQuery):
    """The query of the list of notifications."""

    state = fields.Enum(NotificationState, by_value=True, load_default=None)


class NotificationSchema(ResponseSchema):
    """One webhook: its content and the state of its delivery."""

    id = fields.String(metadata={"description": "The `webhook-id` of every delivery."})
    user_id = fields.String()
    type = one_of(EVENT_TYPES)
    state = fields.Enum(NotificationState, by_value=True)
    deliveries = fields.Integer(metadata={"description": "Deliveries attempted since it was due."})
    created_at = Moment()
    due_at = Moment(metadata={"description": "While it is pending, when it is delivered next."})
    give_up_at = Moment(
        metadata={"description": "A delivery that fails after this time makes it `dead`."}
    )
    delivered_at = Moment(allow_none=True)
    last_error = fields.String(allow_none=True)
    body = fields.Method("read_body", metadata=ANY_EVENT)

    def read_body(self, notification: Notification) -> Any:
        """Return the body as it is sent."""
        return json.loads(notification.body)


class NotificationsSchema(PageSchema):
    """One page of notifications."""

    notifications = fields.List(fields.Nested(NotificationSchema), attribute="rows")


class RedeliveredSchema(ResponseSchema):
    """The number of notifications that are redelivered."""

    redelivered = fields.Integer()
