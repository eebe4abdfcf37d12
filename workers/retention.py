"""How long the database keeps jobs, and what goes with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import delete, select

from app.config import Config
from app.limits.ledger import BATCH as PRUNED_AT_ONCE
from app.limits.ledger import prune_ledger
from app.models import IdempotencyKey, Notification, PublishJob, TimelineEntry
from app.publishing.transaction import transaction
from app.renditions.removing import prune_renditions
from app.states import FINAL_STATES
from workers.contexts import current_storage
from workers.kept_runs import trim_all

#: What an upload that was broken off by a crash left in the folder, untouched for this long.
PARTIAL_KEEP = timedelta(hours=1)
IDEMPOTENCY_KEEP = timedelta(hours=24)
BATCH = 500


def prune(now: datetime) -> None:
    """Delete what is past its time: jobs, their timelines, notifications, keys, runs, converted
    videos, leftovers."""
    config: Config = current_app.config["SETTINGS"]
    before = now - timedelta(days=config.retention_days)
    while _prune_jobs(before) == BATCH:
        pass
    with transaction() as session:
        session.execute(
            # Also what was never sent, because no receiver is set.
            delete(Notification).where(Notification.created_at < before)
        )
        session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at < now - IDEMPOTENCY_KEEP)
        )
    while _prune_uses(now) == PRUNED_AT_ONCE:
        pass
    prune_renditions(now - timedelta(days=config.rendition_days))
    trim_all()
    current_storage().prune_partials(PARTIAL_KEEP.total_seconds())


def _prune_jobs(before: datetime) -> int:
    with transaction() as session:
        query = select(PublishJob.id).where(
            PublishJob.finished_at < before, PublishJob.state.in_(FINAL_STATES)
        )
        ids = session.scalars(query.limit(BATCH)).all()
        session.execute(delete(TimelineEntry).where(TimelineEntry.job_id.in_(ids)))
        session.execute(delete(PublishJob).where(PublishJob.id.in_(ids)))
    return len(ids)


def _prune_uses(now: datetime) -> int:
    with transaction() as session:
        return prune_ledger(session, now)
