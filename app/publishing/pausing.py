"""Pausing a platform and letting it go on: the operator's word, for all workers everywhere.

A pause is one mark in the database. Resuming takes it away and lets go what it has held, batch by
batch in the order it was due; of a process that dies on the way the scheduler does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, cast

from sqlalchemy import Row, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.limits import gates, lanes, pauses
from app.models import Gate, PublishJob, TimelineEntry
from app.models.publish_job import PAUSED
from app.platforms import PLATFORMS
from app.publishing.relay import relay
from app.publishing.transaction import transaction

#: Posts let go in one transaction, and batches that one request of the operator waits for.
BATCH = 500
BATCHES = 10
_Held: TypeAlias = "Row[str, str, int, datetime | None, int]"
_JOBS = cast(Table, PublishJob.__table__)
_ENTRIES = cast(Table, TimelineEntry.__table__)
_LET_GO = (
    update(_JOBS)
    .where(_JOBS.c.id == bindparam("job_id"))
    .values(
        due_at=bindparam("was_due_at"),
        wake_number=_JOBS.c.wake_number + 1,
        error_code=None,
        error_category=None,
        error_message=None,
        error_hint=None,
    )
)


def pause(platform: str, now: datetime) -> None:
    """Let no attempt begin on a platform any more; what is under way goes on to its end.

    Nothing changes where it is paused already.
    """
    with transaction() as session:
        gate = gates.lock(session, platform)
        gate.paused_at = gate.paused_at or now
        gate.is_releasing = False


def resume(platform: str, now: datetime) -> None:
    """Let attempts begin again, and what was held go first; nothing where it is not paused."""
    with transaction() as session:
        gate = gates.lock(session, platform)
        if gate.paused_at is not None:
            gate.paused_at = None
            gate.is_releasing = True
    release(platform, now)


def release_resumed(now: datetime) -> int:
    """Let go what pauses that are over still hold, on every platform; return how many."""
    query = select(Gate.key).where(Gate.key.in_(PLATFORMS), Gate.is_releasing)
    with transaction() as session:
        resumed = session.scalars(query).all()
    return sum(release(platform, now) for platform in resumed)


def release(platform: str, now: datetime, *, batch: int = BATCH) -> int:
    """Let go some thousands of the posts that a pause has held; return how many."""
    count = 0
    for _ in range(BATCHES):
        released = _release_batch(platform, now, batch)
        count += released
        if released:
            relay(platform, now)
        if released < batch:
            break
    return count


def _release_batch(platform: str, now: datetime, batch: int) -> int:
    with transaction() as session:
        # Under the lock that claims take: none of them looks in between.
        gate = gates.lock(session, platform)
        if not gate.is_releasing:
            return 0
        held = _held(session, platform, batch)
        if len(held) < batch:
            gate.is_releasing = False
        if held:
            _let_go(session, platform, held, now)
    return len(held)


def _held(session: Session, platform: str, batch: int) -> Sequence[_Held]:
    query = (
        select(
            PublishJob.id,
            PublishJob.account_id,
            PublishJob.priority,
            PublishJob.due_at,
            PublishJob.attempts_made,
        )
        .where(PublishJob.platform == platform, PAUSED)
        .order_by(PublishJob.due_at)
        .limit(batch)
        .with_for_update()
    )
    return session.execute(query).all()


def _let_go(session: Session, platform: str, held: Sequence[_Held], now: datetime) -> None:
    changes = [
        {"job_id": row.id, "was_due_at": pauses.due_before(row.due_at or now, now)} for row in held
    ]
    session.execute(_LET_GO, changes)
    session.execute(
        update(TimelineEntry)
        .where(
            TimelineEntry.job_id.in_([row.id for row in held]),
            TimelineEntry.ended_at.is_(None),
            TimelineEntry.kind == "wait",
        )
        .values(ended_at=now, outcome="done")
        .execution_options(synchronize_session=False)
    )
    wait = {"kind": "wait", "name": "queue", "started_at": now, "until": now}
    session.execute(
        insert(_ENTRIES),
        [{**wait, "job_id": row.id, "attempt": row.attempts_made} for row in held],
    )
    for account_id, priority in sorted({(row.account_id, row.priority) for row in held}):
        lanes.refresh_lane(session, account_id, priority, platform)
