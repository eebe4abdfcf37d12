"""`/api/notifications`: undelivered webhooks, and their redelivery, for the operator."""

from __future__ import annotations

from typing import Any

from app.api.auth import for_services
from app.api.blueprint import Blueprint
from app.api.description import SERVICE_KEY_ONLY
from app.api.errors import NotFound
from app.clock import utcnow
from app.models import Notification
from app.publishing.redeliver import redeliver, redeliver_dead
from app.queries.notifications import list_notifications
from app.queries.pages import Page
from app.schemas.notification import (
    NotificationSchema,
    NotificationsQuery,
    NotificationsSchema,
    RedeliveredSchema,
)

blueprint = Blueprint(
    "notifications", __name__, url_prefix="/api/notifications", description="Webhooks sent"
)


@blueprint.route("", methods=["GET"], operation="listNotifications")
@for_services
@blueprint.doc(security=SERVICE_KEY_ONLY)
@blueprint.arguments(NotificationsQuery, location="query")
@blueprint.response(200, NotificationsSchema)
def index(query: dict[str, Any]) -> Page[Notification]:
    """List the notifications of all users, newest first; `state=dead` lists those given up"""
    return list_notifications(**query)


@blueprint.route("/redeliver", methods=["POST"], operation="redeliverDeadNotifications")
@for_services
@blueprint.doc(security=SERVICE_KEY_ONLY)
@blueprint.response(202, RedeliveredSchema)
def redeliver_all_dead() -> dict[str, int]:
    """Redeliver every dead notification, for instance after an outage of the receiver"""
    return {"redelivered": redeliver_dead(utcnow())}


@blueprint.route(
    "/<notification_id>/redeliver", methods=["POST"], operation="redeliverNotification"
)
@for_services
@blueprint.doc(security=SERVICE_KEY_ONLY)
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(202, NotificationSchema)
def redeliver_one(notification_id: str) -> Notification:
    """Redeliver a dead or delivered notification, with the same webhook-id"""
    found = redeliver(notification_id, utcnow())
    if found is None:
        raise NotFound("Notification not found")
    return found
