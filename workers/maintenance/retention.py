"""How long the database keeps jobs, and what goes with them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import delete, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.config import current_config
from app.database.transaction import transaction
from app.limits.ledger import BATCH as PRUNED_AT_ONCE
from app.limits.ledger import prune_ledger
from app.models import IdempotencyKey, Notification, PublishJob, TimelineEntry
from app.models.notification import GIVE_UP_AFTER
from app.renditions.removing import prune_renditions
from app.states import FINAL_STATES
from app.storage import current_storage
from app.storage.errors import StorageError
from app.videos.settle import delete_lost, settle_overdue
from workers.publishing.kept_runs import trim_all

logger = logging.getLogger(__name__)
#: What an upload that was broken off by a crash left in the folder, untouched for this long.
PARTIAL_KEEP = timedelta(hours=1)
IDEMPOTENCY_KEEP = timedelta(hours=24)
#: Rows that go in one transaction: each ends long before a statement may take no longer.
BATCH = 500


def prune(now: datetime) -> None:
    """Delete what is past its time: jobs, their timelines, notifications, keys, runs, converted
    videos, uploads that never came, leftovers. A part that fails is logged, and the others go on.
    """
    for name, part in _PARTS.items():
        try:
            part(now)
        except (RedisError, SQLAlchemyError, StorageError) as exc:
            logger.warning("pruning of %s put off: %s", name, type(exc).__name__)
        except Exception:
            logger.exception("bug in the pruning of %s", name)


def _prune_jobs(now: datetime) -> None:
    finished = PublishJob.finished_at < _before(now)
    query = select(PublishJob.id).where(finished, PublishJob.state.in_(FINAL_STATES))

    def some(session: Session) -> int:
        ids = session.scalars(query.limit(BATCH)).all()
        session.execute(delete(TimelineEntry).where(TimelineEntry.job_id.in_(ids)))
        session.execute(delete(PublishJob).where(PublishJob.id.in_(ids)))
        return len(ids)

    _in_batches(some)


def _prune_notifications(now: datetime) -> None:
    """Also what was never sent, because no receiver is set; but nothing that is still tried."""
    before = min(_before(now), now - GIVE_UP_AFTER)
    query = select(Notification.id).where(Notification.created_at < before)

    def some(session: Session) -> int:
        ids = session.scalars(query.limit(BATCH)).all()
        session.execute(delete(Notification).where(Notification.id.in_(ids)))
        return len(ids)

    _in_batches(some)


def _prune_keys(now: datetime) -> None:
    name = (IdempotencyKey.user_id, IdempotencyKey.key)
    old = IdempotencyKey.created_at < now - IDEMPOTENCY_KEEP

    def some(session: Session) -> int:
        names = [
            (user, key) for user, key in session.execute(select(*name).where(old).limit(BATCH))
        ]
        # The time again: a key may have been used anew meanwhile.
        session.execute(delete(IdempotencyKey).where(tuple_(*name).in_(names), old))
        return len(names)

    _in_batches(some)


def _prune_uses(now: datetime) -> None:
    _in_batches(lambda session: prune_ledger(session, now), PRUNED_AT_ONCE)


def _prune_uploads(now: datetime) -> None:
    settle_overdue(now, BATCH)
    _in_batches(lambda session: delete_lost(session, now, BATCH))


def _in_batches(some: Callable[[Session], int], size: int = BATCH) -> None:
    """Delete some rows at a time, each in a transaction of its own, until fewer are left."""
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
