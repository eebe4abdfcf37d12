"""Pausing a platform and letting it go on: the operator's word, for all workers everywhere.

A pause is one mark in the database. Resuming takes it away and lets go what it has held, batch by
batch in the order it was due; of a process that dies on the way the scheduler does the rest.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.database.transaction import transaction
from app.limits import gates, pauses
from app.models import Gate, PublishJob
from app.models.publish_job import PAUSED
from app.platforms import PLATFORMS
from app.publishing.relay import relay
from app.publishing.releasing import held_posts, let_go

#: Posts let go in one transaction, and batches that one request of the operator waits for.
BATCH = 500
BATCHES = 10


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
        held = held_posts(session, batch, PublishJob.platform == platform, PAUSED)
        if len(held) < batch:
            gate.is_releasing = False
        released = [(post, pauses.due_before(post.due_at or now, now)) for post in held]
        let_go(session, platform, released, now)
    return len(held)
