"""Reads webhook notifications."""

from __future__ import annotations

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import Notification
from app.queries.pages import Page, read_page
from app.states import NotificationState


def list_notifications(
    *, state: NotificationState | None, limit: int, cursor: str | None
) -> Page[Notification]:
    """Return one page of all users' notifications, newest first."""
    query = select(Notification)
    if state is not None:
        query = query.where(Notification.state == state)
    with transaction() as session:
        return read_page(session, query, Notification.id, limit=limit, cursor=cursor)
