"""Notifications, as their operator sees them."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import fields

from app.models import Notification
from app.schemas.base import AnswerSchema, Moment, PageQuery, PageSchema
from app.states import NotificationState


class NotificationsQuery(PageQuery):
    """Which notifications."""

    state = fields.Enum(NotificationState, by_value=True, load_default=None)


class NotificationSchema(AnswerSchema):
    """One webhook: what it says, and how its delivery stands."""

    id = fields.String(metadata={"description": "The `webhook-id` of each delivery."})
    user_id = fields.String()
    type = fields.String()
    state = fields.Enum(NotificationState, by_value=True)
    deliveries = fields.Integer(metadata={"description": "Deliveries begun since it was due."})
    created_at = Moment()
    due_at = Moment(metadata={"description": "When it is delivered next, while it is pending."})
    give_up_at = Moment(metadata={"description": "From when on a failure makes it `dead`."})
    delivered_at = Moment(allow_none=True)
    last_error = fields.String(allow_none=True)
    body = fields.Method("read_body", metadata={"type": "object"})

    def read_body(self, notification: Notification) -> Any:
        """Return what is sent."""
        return json.loads(notification.body)


class NotificationsSchema(PageSchema):
    """One page of notifications."""

    notifications = fields.List(fields.Nested(NotificationSchema), attribute="rows")


class RedeliveredSchema(AnswerSchema):
    """How many notifications are sent again."""

    redelivered = fields.Integer()
