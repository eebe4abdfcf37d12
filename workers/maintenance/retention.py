"""Retention: delete old jobs and everything else that is past its time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.causes import why
from app.config import current_config
from app.database.transaction import transaction
from app.limits.ledger import BATCH as PRUNED_AT_ONCE
from app.limits.ledger import prune_ledger
from app.models import IdempotencyKey, Notification, PublishJob, TimelineEntry
from app.models.idempotency_key import KEY_LIFETIME
from app.models.notification import GIVE_UP_AFTER
from app.renditions.pruning import prune_renditions
from app.states import FINAL_STATES, NotificationState
from app.storage import current_storage
from app.storage.errors import StorageError
from app.videos.settle import delete_expired, settle_overdue
from workers.publishing.kept_runs import trim_all

logger = logging.getLogger(__name__)
#: Age at which a partial file is known to be left over from a crash.
PARTIAL_KEEP = timedelta(hours=1)
#: Rows deleted in one transaction, few enough to stay far below the statement timeout.
BATCH = 500


def prune(now: datetime) -> None:
    """Delete what is past its time: jobs, timelines, notifications, idempotency keys, runs,
    renditions, uploads that never arrived, leftover files. A part that fails is logged and does
    not stop the others.
    """
    for name, part in _PARTS.items():
        try:
            part(now)
        except (RedisError, SQLAlchemyError, StorageError) as exc:
            logger.warning("pruning of %s put off: %s", name, why(exc))
        except Exception:
            logger.exception("bug in the pruning of %s", name)


def _prune_jobs(now: datetime) -> None:
    finished = PublishJob.finished_at < _before(now)
    query = select(PublishJob.id).where(finished, PublishJob.state.in_(FINAL_STATES))

    def some(session: Session) -> int:
        # Locked, so that none is deleted that a person retries at this moment.
        ids = session.scalars(query.limit(BATCH).with_for_update(skip_locked=True)).all()
        session.execute(delete(TimelineEntry).where(TimelineEntry.job_id.in_(ids)))
        session.execute(delete(PublishJob).where(PublishJob.id.in_(ids)))
        return len(ids)

    _in_batches(some)


def _prune_notifications(now: datetime) -> None:
    """Delete old notifications, undelivered ones too, but none that is still retried."""
    before = min(_before(now), now - GIVE_UP_AFTER)
    is_over = or_(Notification.state != NotificationState.PENDING, Notification.give_up_at < now)
    query = select(Notification.id).where(Notification.created_at < before, is_over)

    def some(session: Session) -> int:
        ids = session.scalars(query.limit(BATCH).with_for_update(skip_locked=True)).all()
        session.execute(delete(Notification).where(Notification.id.in_(ids)))
        return len(ids)

    _in_batches(some)


def _prune_keys(now: datetime) -> None:
    name = (IdempotencyKey.user_id, IdempotencyKey.key)
    old = IdempotencyKey.created_at < now - KEY_LIFETIME

    def some(session: Session) -> int:
        names = [
            (user, key) for user, key in session.execute(select(*name).where(old).limit(BATCH))
        ]
        # With the time again: a key may have been reused meanwhile.
        session.execute(delete(IdempotencyKey).where(tuple_(*name).in_(names), old))
        return len(names)

    _in_batches(some)


def _prune_uses(now: datetime) -> None:
    _in_batches(lambda session: prune_ledger(session, now), PRUNED_AT_ONCE)


def _prune_uploads(now: datetime) -> None:
    settle_overdue(now, BATCH)
    _in_batches(lambda session: delete_expired(session, now, BATCH))


def _in_batches(some: Callable[[Session], int], size: int = BATCH) -> None:
    """Delete in batches, each in its own transaction, until one is not full."""
    is_any_left = True
    while is_any_left:
        with transaction() as session:
            is_any_left = some(session) >= size


def _prune_renditions(now: datetime) -> None:
    prune_renditions(now - timedelta(days=current_config().rendition_days))


def _trim_runs(now: datetime) -> None:
    trim_all()


def _prune_partials(now: datetime) -> None:
    current_storage().prune_partials(PARTIAL_KEEP.total_seconds())


def _before(now: datetime) -> datetime:
    return now - timedelta(days=current_config().retention_days)


_PARTS: dict[str, Callable[[datetime], None]] = {
    "jobs": _prune_jobs,
    "notifications": _prune_notifications,
    "idempotency keys": _prune_keys,
    "uses of limits": _prune_uses,
    "renditions": _prune_renditions,
    "uploads": _prune_uploads,
    "runs": _trim_runs,
    "partial files": _prune_partials,
}
