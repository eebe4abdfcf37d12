"""Delivery of the outbox: signed webhooks, in order per job or account."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import Select, delete, exists, select, update
from sqlalchemy.orm import aliased

from app.causes import why
from app.clock import utcnow
from app.config import current_config
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.models import Notification
from app.publishing.outbox import AT_RISK
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
#: The last error of what could not be sent before it was to be given up.
TOO_OLD = "too_old"
#: Lease of one delivery; after that another worker repeats it.
DELIVERY_LEASE = timedelta(seconds=60)
#: Exists while the receiver is avoided because it did not respond a moment ago.
UNRESPONSIVE_KEY = "publish:receiver:silent"
UNRESPONSIVE_SECONDS = 30


def deliver() -> None:
    """Send every notification that is due; a run's function, safe at any time.

    Without a receiver it does nothing: notifications stay stored. What is past its time when one is
    set is dead, unsent: a burst of old news would be taken for the present.

    Delivery is at least once: if a worker dies between the response and its record, the same id is
    sent again.

    All workers avoid a receiver that does not respond for a while, as each attempt may block one
    for half a minute.
    """
    config = current_config()
    if not config.webhook_url:
        return
    while not stop_requested.is_set() and not _is_avoided():
        notification = _take_one(utcnow())
        if notification is None:
            return
        if not _is_worth_sending(notification):
            continue
        try:
            status = send_webhook(config, notification.id, notification.body)
        except PublishError as error:
            _record(notification, error.code, utcnow())
            _avoid_for_a_while()
        else:
            problem = None if 200 <= status < 300 else f"http_{status}"
            _record(notification, problem, utcnow())


def is_any_to_deliver(now: datetime) -> bool:
    """Tell whether a notification is due and a receiver is configured."""
    config = current_config()
    if not config.webhook_url:
        return False  # undelivered notifications stay due for ever
    due = exists().where(
        Notification.state == NotificationState.PENDING, Notification.due_at <= now
    )
    with transaction() as session:
        return bool(session.scalar(select(due)))


def _is_avoided() -> bool:
    """Tell whether the receiver did not respond a moment ago, to any worker.

    Unknown without Redis: what is to be delivered is in the database, so delivery goes on.
    """
    try:
        return bool(current_redis().exists(UNRESPONSIVE_KEY))
    except RedisError:
        return False


def _avoid_for_a_while() -> None:
    try:
        current_redis().set(UNRESPONSIVE_KEY, "1", ex=UNRESPONSIVE_SECONDS)
    except RedisError as exc:
        logger.warning("other workers do not learn of it: %s", why(exc))


def _take_one(now: datetime) -> Notification | None:
    """Claim the oldest due notification that no other of its subject blocks."""
    query = _due(now)
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
                .values(deliveries=found.deliveries + 1, due_at=now + DELIVERY_LEASE)
                .execution_options(synchronize_session=False)
            )
            session.expire(found)
            if rows_changed(taken) == 1:
                session.refresh(found)
                return found


def _is_worth_sending(notification: Notification) -> bool:
    """Tell whether to send a claimed notification; settle it if not."""
    if notification.deliveries > 1:  # the receiver may have it: only an answer tells
        return notification.type != AT_RISK or not _drop_if_outdated(notification)
    if utcnow() <= notification.give_up_at:
        return True
    # Stored until a receiver was set, or while no worker ran. Whoever wants it redelivers it.
    _update(notification, {"state": NotificationState.DEAD, "last_error": TOO_OLD})
    return False


def _drop_if_outdated(warning: Notification) -> bool:
    """Delete a warning that failed before, if its post has ended since: it warns of nothing."""
    later = exists().where(
        Notification.subject_id == warning.subject_id,
        Notification.id > warning.id,
        Notification.type != AT_RISK,
    )
    with transaction() as session:
        is_outdated = bool(session.scalar(select(later)))
        if is_outdated:
            session.execute(delete(Notification).where(Notification.id == warning.id))
    return is_outdated


def _due(now: datetime) -> Select[Notification]:
    """Return the query for what may be delivered now: per subject, in the order of the events.

    A warning blocks nothing: a receiver that refuses it for days still learns how the post ended.
    """
    earlier = aliased(Notification)
    is_blocked = exists().where(
        earlier.subject_id == Notification.subject_id,
        earlier.id < Notification.id,
        earlier.state == NotificationState.PENDING,
        earlier.type != AT_RISK,
    )
    return (
        select(Notification)
        .where(
            Notification.state == NotificationState.PENDING,
            Notification.due_at <= now,
            ~is_blocked,
        )
        .order_by(Notification.due_at)
        .limit(1)
    )


def _record(notification: Notification, problem: str | None, now: datetime) -> None:
    """Record the delivery, unless the lease was lost to another worker."""
    values: Mapping[str, object]
    if problem is None:
        values = {"state": NotificationState.DELIVERED, "delivered_at": now, "last_error": None}
    elif now > notification.give_up_at:
        values = {"state": NotificationState.DEAD, "last_error": problem}
    else:
        pause = PAUSES[min(notification.deliveries, len(PAUSES)) - 1]
        values = {"due_at": now + pause, "last_error": problem}
    if problem is not None:
        logger.warning("webhook %s not delivered: %s", notification.id, problem)
    _update(notification, values)


def _update(notification: Notification, values: Mapping[str, object]) -> None:
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
