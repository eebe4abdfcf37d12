"""Letting posts go, many at once, that waited for something which is over.

Inside the caller's transaction, which afterwards wakes workers for them (`relay`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, TextClause, bindparam, select, update
from sqlalchemy.orm import Session

from app import timeline
from app.limits import lanes
from app.models import PublishJob
from app.states import JobState

_JOBS = cast(Table, PublishJob.__table__)
_LET_GO = (
    update(_JOBS)
    .where(_JOBS.c.id == bindparam("job_id"))
    .values(
        due_at=bindparam("new_due_at"),
        wake_number=_JOBS.c.wake_number + 1,
        error_code=None,
        error_category=None,
        error_message=None,
        error_hint=None,
    )
)


@dataclass(frozen=True)
class HeldPost:
    """What letting a post go needs of its row; `due_at` is the time until which it is held."""

    job_id: str
    account_id: str
    priority: int
    due_at: datetime | None
    attempts_made: int
    wake_number: int
    is_at_platform: bool
    state: JobState


def held_posts(
    session: Session,
    limit: int,
    *conditions: ColumnElement[bool] | TextClause,
    skip_locked: bool = False,
) -> Sequence[HeldPost]:
    """Lock and return posts that are held, the first due first.

    `skip_locked`: one that another transaction has in hand is left to it, not waited for.
    """
    query = (
        select(
            PublishJob.id,
            PublishJob.account_id,
            PublishJob.priority,
            PublishJob.due_at,
            PublishJob.attempts_made,
            PublishJob.wake_number,
            PublishJob.is_at_platform,
            PublishJob.state,
        )
        .where(*conditions)
        .order_by(PublishJob.due_at, PublishJob.id)
        .limit(limit)
        .with_for_update(skip_locked=skip_locked)
    )
    return [HeldPost(*row) for row in session.execute(query)]


def let_go(
    session: Session, platform: str, released: Sequence[tuple[HeldPost, datetime]], now: datetime
) -> None:
    """Let posts be due, each at the time given with it, and say no longer why they wait."""
    if not released:
        return
    session.execute(
        _LET_GO, [{"job_id": post.job_id, "new_due_at": due_at} for post, due_at in released]
    )
    waiting = [post for post, _ in released if post.state is JobState.WAITING]
    if waiting:
        attempts = {post.job_id: post.attempts_made for post in waiting}
        timeline.wait_for_turn(session, attempts, now)
    posts = [post for post, _ in released if not post.is_at_platform]
    for account_id, priority in sorted({(post.account_id, post.priority) for post in posts}):
        lanes.refresh_lane(session, account_id, priority, platform)
