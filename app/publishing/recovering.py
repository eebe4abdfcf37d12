"""Letting go what an open circuit has put off, when the platform answers again.

Else it would wait for the time of a probe that is over, and posts that come later would go first.
A mark on the gate says that some is left: of a process that dies on the way the scheduler does
the rest.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.limits import gates
from app.models import Gate, PublishJob
from app.models.publish_job import UNAVAILABLE
from app.platforms import PLATFORMS
from app.publishing.choosing import READS_SPREAD_SECONDS
from app.publishing.relay import relay
from app.publishing.releasing import HeldPost, held_posts, let_go
from app.queues import Wake, wake

#: Posts let go in one transaction, and batches that one run does.
BATCH = 500
BATCHES = 10
#: Posts let go keep their order by so much.
TICK = timedelta(microseconds=1)


def release_recovered(now: datetime) -> int:
    """Let go what closed circuits have put off, on every platform; return how many."""
    query = select(Gate.key).where(Gate.key.in_(PLATFORMS), Gate.is_recovering)
    with transaction() as session:
        recovered = session.scalars(query).all()
    return sum(release(platform, now) for platform in recovered)


def release(platform: str, now: datetime, *, batch: int = BATCH) -> int:
    """Let go some thousands of the posts that a circuit which is closed again has put off.

    Uploads go in their order, as their places allow; questions are spread over some seconds.
    Return how many were let go.
    """
    count = 0
    for _ in range(BATCHES):
        # Earlier than now by what is left, so that one batch follows the other.
        released = _release_batch(platform, now, batch, now - TICK * (BATCHES * batch - count))
        count += released
        relay(platform, now)
        if released < batch:
            break
    return count


def release_probe(platform: str, now: datetime) -> None:
    """Let the first post go that an open circuit has put off: the last probe asked nothing."""
    with transaction() as session:
        gates.lock(session, platform)
        released = _let_go(session, platform, 1, now, now)
    _wake(platform, released, now)
    relay(platform, now)


def _release_batch(platform: str, now: datetime, batch: int, first_at: datetime) -> int:
    with transaction() as session:
        # Under the lock that claims take: none of them looks in between.
        gate = gates.lock(session, platform)
        if not gate.is_recovering:
            return 0
        released = _let_go(session, platform, batch, now, first_at)
        if len(released) < batch:
            gate.is_recovering = False
    _wake(platform, released, now)
    return len(released)


def _let_go(
    session: Session, platform: str, limit: int, now: datetime, first_at: datetime
) -> Sequence[tuple[HeldPost, datetime]]:
    later = PublishJob.due_at > now
    held = held_posts(
        session, limit, PublishJob.platform == platform, UNAVAILABLE, later, skip_locked=True
    )
    released = [
        (post, _soon(now) if post.is_at_platform else first_at + TICK * place)
        for place, post in enumerate(held)
    ]
    let_go(session, platform, released, now)
    return released


def _soon(now: datetime) -> datetime:
    return now + timedelta(seconds=random.uniform(0, READS_SPREAD_SECONDS))


def _wake(platform: str, released: Sequence[tuple[HeldPost, datetime]], now: datetime) -> None:
    """Wake for the questions, each at its time; for uploads `relay` does, as places are free."""
    asked = [one for one in released if one[0].is_at_platform]
    wakes = [
        Wake(post.job_id, platform, due_at, post.wake_number + 1, is_poll=True)
        for post, due_at in asked
    ]
    wake(wakes, now)
