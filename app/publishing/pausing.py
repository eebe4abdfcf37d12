"""The operator's pause of a platform, and its end: for all workers everywhere.

A pause is one column in the database. Resuming clears it and releases what it has held, in the
order it was due.
"""

from __future__ import annotations

from datetime import datetime

from app.database.transaction import transaction
from app.limits import gates, pauses
from app.models import Gate
from app.models.publish_job import PAUSED
from app.publishing.releasing import (
    BATCH,
    Backlog,
    HeldPost,
    release_batches,
    release_everywhere,
)


def pause(platform: str, now: datetime) -> None:
    """Stop attempts from beginning on a platform; running ones are finished.

    Changes nothing where it is paused already.
    """
    with transaction() as session:
        gate = gates.lock(session, platform)
        gate.paused_at = gate.paused_at or now
        gate.is_releasing = False


def resume(platform: str, now: datetime) -> None:
    """Let attempts begin again, held posts first; does nothing where it is not paused."""
    with transaction() as session:
        gate = gates.lock(session, platform)
        if gate.paused_at is not None:
            gate.paused_at = None
            gate.is_releasing = True
    release_after_pause(platform, now)


def release_resumed(now: datetime) -> int:
    """Release what pauses that are over still hold, on every platform; return how many posts."""
    return release_everywhere(_BACKLOG, now)


def release_after_pause(platform: str, now: datetime, *, batch: int = BATCH) -> int:
    """Release up to ten batches of the posts that an ended pause still holds; return how many."""
    return release_batches(_BACKLOG, platform, now, batch=batch)


def _former_due_at(post: HeldPost, now: datetime, remaining: int) -> datetime:
    return pauses.due_before(post.due_at or now, now)


_BACKLOG = Backlog(flag=Gate.is_releasing, is_held=PAUSED, due_at=_former_due_at)
