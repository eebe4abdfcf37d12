"""Delivering the outbox: webhooks, signed as Standard Webhooks, in order per job or account."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import aliased

from app.clock import utcnow
from app.config import current_config
from app.database.transaction import transaction
from app.models import Notification
from app.queues import current_redis
from app.states import NotificationState
from workers.errors import PublishError
from workers.stopping import stop_requested
from workers.webhooks.request import send_webhook

logger = logging.getLogger(__name__)
#: Pauses after each failed delivery; the last one repeats until the time is up.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600)
)
#: For how long one worker alone may be delivering a notification.
TURN = timedelta(seconds=60)
#: There while the receiver is left alone, since it did not answer a moment ago.
SILENT_KEY = "publish:receiver:silent"
SILENT_SECONDS = 30


def deliver() -> None:
    """Send every notification that is due; a run's function, safe to call at any time.

    Does nothing where no receiver is set: the notifications stay stored. At least once: a
    worker that dies between the answer and the note of it sends the same id again.

    A receiver that does not answer is left alone for a while by all workers: each attempt may
    hold one up for half a minute, and posts are what workers are for.
    """
    config = current_config()
    if not config.webhook_url:
        return
    connection = current_redis()
    while not stop_requested.is_set() and not connection.exists(SILENT_KEY):
        notification = _take_one(utcnow())
        if notification is None:
            return
        try:
            status = send_webhook(config, notification.id, notification.body)
        except PublishError as error:
            connection.set(SILENT_KEY, "1", ex=SILENT_SECONDS)
            problem: str | None = error.code
        else:
            problem = None if 200 <= status < 300 else f"http_{status}"
        _settle(notification, problem, utcnow())


def _take_one(now: datetime) -> Notification | None:
    """Take the oldest due notification that none of its subject's earlier ones holds up."""
    earlier = aliased(Notification)
    held_up = exists().where(
        earlier.subject_id == Notification.subject_id,
        earlier.id < Notification.id,
        earlier.state == NotificationState.PENDING,
    )
    query = (
        select(Notification)
        .where(
            Notification.state == NotificationState.PENDING,
            Notification.due_at <= now,
            ~held_up,
        )
        .order_by(Notification.due_at)
        .limit(1)
    )
    while True:
        with transaction() as session:
            found = session.scalars(query).first()
            if found is None:
                return None
            taken = session.execute(
                update(Notification)
                .where(
                    Notification.id == found.id,
                    Notification.state == NotificationState.PENDING,
                    Notification.deliveries == found.deliveries,
                    Notification.due_at <= now,
                )
                .values(deliveries=found.deliveries + 1, due_at=now + TURN)
                .execution_options(synchronize_session=False)
            )
            assert isinstance(taken, CursorResult)
            session.expire(found)
            if taken.rowcount == 1:
                session.refresh(found)
                return found


def _settle(notification: Notification, problem: str | None, now: datetime) -> None:
    """Write the delivery down, unless another worker's turn has begun meanwhile."""
    values: dict[str, object]
    if problem is None:
        values = {"state": NotificationState.DELIVERED, "delivered_at": now, "last_error": None}
    elif now > notification.give_up_at:
        values = {"state": NotificationState.DEAD, "last_error": problem}
    else:
        pause = PAUSES[min(notification.deliveries, len(PAUSES)) - 1]
        values = {"due_at": now + pause, "last_error": problem}
    if problem is not None:
        logger.warning("webhook %s not delivered: %s", notification.id, problem)
    with transaction() as session:
        session.execute(
            update(Notification)
            .where(
                Notification.id == notification.id,
                Notification.deliveries == notification.deliveries,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
