"""Putting off jobs that may not begin: a later due time, and the reason.

No claim looks at such a row before that time. Each row is written once per closing of its window,
by the claim that finds it due in its lane. Inside the caller's transaction, which afterwards wakes
the rows for their new times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import TypeAlias

from sqlalchemy import (
    ColumnElement,
    Select,
    TextClause,
    bindparam,
    func,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app import timeline
from app.failures import Category
from app.limits import ledger
from app.limits.allowance import FIRST, Allowance, Hold, Rank
from app.limits.lanes import PRIORITIES, due_jobs, refresh_lane
from app.limits.rules import POSTS, code_of, limits_on
from app.models import Lane, PublishJob
from app.models.publish_job import OPEN, TO_BEGIN
from app.states import JobState
from app.timeline_words import WaitReason

#: Rows put off in one transaction.
BATCH = 200
#: Rows counted at most, to say when a post after them will begin.
RANK_MAX = 2000
_Rows: TypeAlias = "Select[str, datetime | None, int, str | None, str | None]"


def hold_lane(
    session: Session, lane: Lane, head: PublishJob, hold: Hold, allowance: Allowance
) -> list[PublishJob]:
    """Put off the due posts of a lane that may not begin; return them.

    `head` is the lane's first post, and `hold` what holds it. The head is put off in any case:
    left due, it would be chosen again and again, and other accounts would starve. Of the
    others, those that have reserved quota are left until they are the head.
    """
    now = allowance.now
    jobs = due_jobs(session, lane, now, BATCH)
    reserved = ledger.with_quota(session, lane.platform, [job.id for job in jobs], now)
    if allowance.is_closed:
        held = _hold_all(session, lane, jobs, allowance)
    elif head.id in reserved:
        # Alone, and ranked before all that wait for quota: the others have to count its quota.
        put_off(session, head, hold, now)
        held = [head]
    else:
        without = [job for job in jobs if job.id not in reserved]
        held = _hold_all(session, lane, without, allowance)
    refresh_lane(session, lane.account_id, lane.priority, lane.platform)
    return held


def put_off(session: Session, job: PublishJob, hold: Hold, now: datetime) -> None:
    """Give a row a later due time, and say why. Its worker, if it has one, was lost.

    An attempt in progress with nothing at the platform is given back: the job waits like any
    other, and is shown so. The attempt goes on where its worker was lost or the platform has the
    video.
    """
    if job.is_leased:
        timeline.end(session, job, ("step",), "lost", now)
        job.step = None
        job.lost_runs += 1
    elif job.state is JobState.ACTIVE and not job.is_at_platform:
        timeline.end(session, job, ("step", "attempt"), "given_back", now, failure=hold.failure)
        job.state = JobState.WAITING
        job.step = None
        job.attempts_made -= 1
    job.due_at = hold.until
    job.is_leased = False
    job.wake_number += 1
    job.set_error(hold.failure, now)
    if job.state is JobState.WAITING:
        timeline.end(session, job, ("wait",), "done", now)
        until = None if hold.is_pause else hold.until
        timeline.begin_wait(session, job, _kind(hold), now, until=until, failure=hold.failure)


def _hold_all(
    session: Session, lane: Lane, jobs: Sequence[PublishJob], allowance: Allowance
) -> list[PublishJob]:
    """Put off posts of a lane, each until its turn after those that go before it."""
    again = _Ranks(session, lane, allowance.now, lane.priority + 1)
    fresh = _Ranks(session, lane, allowance.now, lane.priority)
    held = []
    for job in jobs:
        ranks = again if job.error_category == Category.RATE_LIMIT else fresh
        hold = allowance.hold(ranks.next())
        if hold is not None:
            put_off(session, job, hold, allowance.now)
            held.append(job)
    return held


def _kind(hold: Hold) -> WaitReason:
    """Return the timeline's name for a wait."""
    if hold.is_pause:
        return "pause"
    return "limit" if hold.failure.category is Category.RATE_LIMIT else "outage"


def rank_of_next(
    session: Session, *, platform: str, account_id: str, priority: int, now: datetime
) -> Rank:
    """Return how many held posts would go before a new one of this priority."""
    if priority > max(PRIORITIES):
        return FIRST  # nothing goes before it
    values = {"platform": platform, "account_id": account_id, "priority": priority, "now": now}
    return Rank(
        in_account=session.scalar(_held_of_account(priority), values) or 0,
        in_application=session.scalar(_held_of_platform(), values) or 0,
    )


def first_waiting_for_quota(
    session: Session, platform: str, account_id: str, now: datetime
) -> PublishJob | None:
    """Lock and return the first post that waits for the quota which an account's posts use.

    None where none of the next `RANK_MAX` due posts does, or another transaction has locked it.
    """
    limits = limits_on(platform, POSTS)
    query = _first_waiting(is_shared=any(limit.scope != "account" for limit in limits))
    values = {"platform": platform, "account_id": account_id, "now": now}
    codes = [code_of(limit) for limit in limits]
    fresh = {"populate_existing": True}
    return session.scalar(query, {**values, "codes": codes}, execution_options=fresh)


@cache
def _first_waiting(*, is_shared: bool) -> Select[PublishJob]:
    rows = [_OF_PLATFORM] if is_shared else [_of_account(one) for one in PRIORITIES]
    found = union_all(*(select(query.subquery()) for query in rows)).subquery()
    first = (
        select(found.c.id)
        .where(found.c.error_code.in_(bindparam("codes", expanding=True)))
        .order_by(found.c.due_at, found.c.priority.desc(), found.c.id)
        .limit(1)
    )
    query = select(PublishJob).where(
        PublishJob.id == first.scalar_subquery(), TO_BEGIN, PublishJob.due_at > bindparam("now")
    )
    return query.with_for_update(skip_locked=True, of=PublishJob)


class _Ranks:
    """Counts up from the posts that are held already."""

    def __init__(self, session: Session, lane: Lane, now: datetime, priority: int) -> None:
        self._first = rank_of_next(
            session,
            platform=lane.platform,
            account_id=lane.account_id,
            priority=priority,
            now=now,
        )
        self._given = 0

    def next(self) -> Rank:
        given, self._given = self._given, self._given + 1
        first = self._first
        return Rank(first.in_account + given, first.in_application + given, given)


def _upcoming(*conditions: ColumnElement[bool] | TextClause) -> _Rows:
    """Select the next rows due: a bounded index range."""
    return (
        select(
            PublishJob.id,
            PublishJob.due_at,
            PublishJob.priority,
            PublishJob.error_category,
            PublishJob.error_code,
        )
        .where(*conditions, PublishJob.due_at > bindparam("now"))
        .order_by(PublishJob.due_at)
        .limit(RANK_MAX)
    )


_OF_PLATFORM = _upcoming(PublishJob.platform == bindparam("platform"), OPEN)


def _of_account(priority: int) -> _Rows:
    own = PublishJob.account_id == bindparam("account_id")
    return _upcoming(own, PublishJob.priority == priority, TO_BEGIN)


@cache
def _held_of_account(priority: int) -> Select[int]:
    """Count an account's held posts of this priority and of higher ones."""
    return _count_held([_of_account(one) for one in PRIORITIES if one >= priority])


@cache
def _held_of_platform() -> Select[int]:
    return _count_held([_OF_PLATFORM])


def _count_held(rows: Sequence[_Rows]) -> Select[int]:
    found = union_all(*(select(query.subquery()) for query in rows)).subquery()
    is_held = found.c.error_category == Category.RATE_LIMIT.value
    goes_before = found.c.priority >= bindparam("priority")
    return select(func.count()).select_from(found).where(is_held, goes_before)
