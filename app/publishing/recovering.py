"""Releasing what an open circuit has put off, once the platform responds again.

Otherwise those posts would wait for the next probe's time, and later posts would overtake them.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from app.models import Gate
from app.models.publish_job import UNAVAILABLE
from app.publishing.choosing import POLLS_SPREAD_SECONDS
from app.publishing.releasing import (
    BATCH,
    Backlog,
    HeldPost,
    release_batches,
    release_everywhere,
    release_first,
)

#: Keeps the released uploads in order.
TICK = timedelta(microseconds=1)


def release_recovered(now: datetime) -> int:
    """Release what closed circuits have put off, on every platform; return how many posts."""
    return release_everywhere(_BACKLOG, now)


def release_after_outage(platform: str, now: datetime, *, batch: int = BATCH) -> int:
    """Release up to ten batches of the posts that a circuit, closed again, has put off.

    Uploads keep their order and begin as slots allow; polls are spread over some seconds. Return
    how many posts were released.
    """
    return release_batches(_BACKLOG, platform, now, batch=batch)


def release_probe(platform: str, now: datetime) -> None:
    """Release one post of an open circuit as its next probe: the last one sent no request."""
    release_first(_BACKLOG, platform, now)


def _new_due_at(post: HeldPost, now: datetime, remaining: int) -> datetime:
    if post.is_at_platform:
        return now + timedelta(seconds=random.uniform(0, POLLS_SPREAD_SECONDS))
    return now - TICK * remaining


_BACKLOG = Backlog(flag=Gate.is_recovering, is_held=UNAVAILABLE, due_at=_new_due_at)
