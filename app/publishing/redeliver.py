"""Redelivering notifications that are dead, or that the receiver has lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import Notification
from app.models.notification import GIVE_UP_AFTER
from app.publishing.errors import WrongState
from app.queues import wake_delivery
from app.states import NotificationState

#: Dead notifications requeued in one transaction.
BATCH = 500


def redeliver(notification_id: str, now: datetime) -> Notification | None:
    """Redeliver one notification under the same id, for another three days; None: unknown.

    Raises `WrongState` for a pending one.
    """
    with transaction() as session:
        query = select(Notification).where(Notification.id == notification_id).with_for_update()
        found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if found is None:
            return None
        if found.state is NotificationState.PENDING:
            raise WrongState("The notification is on its way already")
        _requeue([found], now)
    wake_delivery()
    return found


def redeliver_dead(now: datetime) -> int:
    """Redeliver every dead notification; return how many there were."""
    count = 0
    while True:
        with transaction() as session:
            query = select(Notification).where(Notification.state == NotificationState.DEAD)
            query = query.order_by(Notification.id).limit(BATCH).with_for_update()
            found = session.scalars(query.execution_options(populate_existing=True)).all()
            _requeue(found, now)
        count += len(found)
        if len(found) < BATCH:
            break
    if count:
        wake_delivery()
    return count


def _requeue(notifications: Sequence[Notification], now: datetime) -> None:
    for notification in notifications:
        notification.state = NotificationState.PENDING
        notification.deliveries = 0
        notification.due_at = now
        notification.give_up_at = now + GIVE_UP_AFTER
        notification.delivered_at = None
