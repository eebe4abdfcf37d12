"""Putting off what may not begin: a due time, the reason, and an end to looking at it till then.

Each row is touched once per closing of its window, by whoever finds it at the head of its lane.
Inside the caller's transaction, which afterwards wakes the rows for their new times.
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
from app.failures import Category, Failure
from app.limits import ledger
from app.limits.allowing import FIRST, Allowance, Hold, Rank
from app.limits.lanes import PRIORITIES, due_jobs, refresh_lane
from app.limits.rules import POSTS, code_of, limits_on
from app.models import Lane, PublishJob
from app.models.publish_job import OPEN, TO_BEGIN
from app.states import JobState

#: Rows put off at a time.
BATCH = 200
#: Rows that are counted to say when one that goes after them will begin.
RANK_MAX = 2000
_Look: TypeAlias = "Select[str, datetime | None, int, str | None, str | None]"


def hold_lane(
    session: Session, lane: Lane, head: PublishJob, hold: Hold, allowance: Allowance
) -> list[PublishJob]:
    """Put off the due posts of a lane that may not begin; return them.

    `head` is the lane's first post, and `hold` what holds it. It is put off whatever it has: left
    as it is, it would be met again and again, and no other account would get its turn. Of the
    others, those that have their place among the day's posts are left until they are the first.
    """
    now = allowance.now
    jobs = due_jobs(session, lane, now, BATCH)
    placed = ledger.have_places(session, lane.platform, [job.id for job in jobs], now)
    if allowance.is_closed:
        held = _hold_all(session, lane, jobs, allowance)
    elif head.id in placed:
        # Alone, and behind nobody who waits for a place: the others have to count its own.
        put_off(session, head, hold, now)
        held = [head]
    else:
        without = [job for job in jobs if job.id not in placed]
        held = _hold_all(session, lane, without, allowance)
    refresh_lane(session, lane.account_id, lane.priority, lane.platform)
    return held


def put_off(session: Session, job: PublishJob, hold: Hold, now: datetime) -> None:
    """Give a row a later due time, and say why. Its worker, if it has one, was lost.

    Whoever is amid an attempt and has nothing at the platform gives the attempt back: it waits as
    any other, and its user is to see that. What a worker that was lost, or a platform that has not
    answered, leaves open is counted on.
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
    explain(job, hold.failure)
    if job.state is JobState.WAITING:
        timeline.end(session, job, ("wait",), "done", now)
        until = None if hold.is_pause else hold.until
        timeline.begin(session, job, "wait", _kind(hold), now, until=until, failure=hold.failure)


def _hold_all(
    session: Session, lane: Lane, jobs: Sequence[PublishJob], allowance: Allowance
) -> list[PublishJob]:
    """Put off posts of a lane, each for as long as it takes with those that go before it."""
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


def _kind(hold: Hold) -> str:
    """Return the timeline's word for a wait."""
    if hold.is_pause:
        return "pause"
    return "limit" if hold.failure.category is Category.RATE_LIMIT else "outage"


def explain(job: PublishJob, failure: Failure) -> None:
    """Say on the row why it waits, or why it has failed."""
    job.error_code = failure.code[:100]
    job.error_category = failure.category.value
    job.error_message = failure.message[:1000]
    job.error_hint = failure.hint[:500]


def rank_of_next(
    session: Session, *, platform: str, account_id: str, priority: int, now: datetime
) -> Rank:
    """Return how many posts that are put off would go before a new one of this priority."""
    if priority > max(PRIORITIES):
        return FIRST  # asked for what goes before all that have the highest
    asked = {"platform": platform, "account_id": account_id, "priority": priority, "now": now}
    return Rank(
        in_account=session.scalar(_held_of_account(priority), asked) or 0,
        in_application=session.scalar(_held_of_platform(), asked) or 0,
    )


def first_held(
    session: Session, platform: str, account_id: str, now: datetime
) -> PublishJob | None:
    """Lock and return the post that waits first for the kind of place that an account's has.

    None where there is none among the next due, or it is in another transaction's hands.
    """
    limits = limits_on(platform, POSTS)
    query = _first_held(is_shared=any(limit.scope != "account" for limit in limits))
    asked = {"platform": platform, "account_id": account_id, "now": now}
    codes = [code_of(limit) for limit in limits]
    fresh = {"populate_existing": True}
    return session.scalar(query, {**asked, "codes": codes}, execution_options=fresh)


@cache
def _first_held(*, is_shared: bool) -> Select[PublishJob]:
    looks = [_OF_PLATFORM] if is_shared else [_of_account(one) for one in PRIORITIES]
    found = union_all(*(select(look.subquery()) for look in looks)).subquery()
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
    """Counts up from the posts that are put off already."""

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


def _upcoming(*conditions: ColumnElement[bool] | TextClause) -> _Look:
    """Read the next rows due: a look into an index, of a bounded length."""
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


def _of_account(priority: int) -> _Look:
    own = PublishJob.account_id == bindparam("account_id")
    return _upcoming(own, PublishJob.priority == priority, TO_BEGIN)


@cache
def _held_of_account(priority: int) -> Select[int]:
    """Count what an account has put off, of this priority and of higher ones."""
    return _count_held([_of_account(one) for one in PRIORITIES if one >= priority])


@cache
def _held_of_platform() -> Select[int]:
    return _count_held([_OF_PLATFORM])


def _count_held(looks: Sequence[_Look]) -> Select[int]:
    found = union_all(*(select(look.subquery()) for look in looks)).subquery()
    is_held = found.c.error_category == Category.RATE_LIMIT.value
    goes_before = found.c.priority >= bindparam("priority")
    return select(func.count()).select_from(found).where(is_held, goes_before)
