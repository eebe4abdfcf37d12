"""What was used of the limits, in the database; inside the caller's transaction.

A job takes its place among the day's posts when it is claimed to begin, and keeps it: a post that
goes on after a failure counts once. Moving windows of a platform begin when it has the video, so
the place's time moves on to that moment. A day's place stays with the day on which it was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.database.inserting import inserting
from app.database.results import rows_changed
from app.limits.rules import LEDGER_KEEP, POSTS, limits_on
from app.limits.windows import pacific_day
from app.models import LimitUse
from app.platforms import Limit

BATCH = 5000
#: Uses are written without being read: each run of a post writes some.
_USES = cast(Table, LimitUse.__table__)
_ADD = insert(_USES)
_OF_JOB = _USES.c.job_id == bindparam("of_job")
_MOVE = update(_USES).where(_OF_JOB).values(used_at=bindparam("now"))
_FORGET = delete(_USES).where(_OF_JOB)


def take_place(
    session: Session, *, platform: str, account_id: str, job_id: str, now: datetime
) -> None:
    """Count a job among the posts, from now on; once, however often it is counted."""
    use = _use(platform, account_id, POSTS, 1, now)
    session.execute(_taking(session.get_bind().dialect.name), {**use, "job_id": job_id})


def keep_place(session: Session, platform: str, job_id: str, now: datetime) -> None:
    """Let the moving windows of a job's place begin now; nothing where it has none."""
    if all(limit.window == "rolling" for limit in limits_on(platform, POSTS)):
        session.execute(_MOVE, {"of_job": job_id, "now": now})


def give_place_back(session: Session, job_id: str) -> bool:
    """Forget a job's place: the platform has seen nothing of it. Return whether it had one."""
    forgotten = session.execute(_FORGET, {"of_job": job_id})
    return rows_changed(forgotten) > 0


def have_places(session: Session, platform: str, job_ids: Sequence[str], now: datetime) -> set[str]:
    """Return those of some jobs whose place still counts in the longest of the windows."""
    began = min((since(limit, now) for limit in limits_on(platform, POSTS)), default=now)
    query = select(LimitUse.job_id).where(LimitUse.job_id.in_(job_ids), LimitUse.used_at >= began)
    return {job_id for job_id in session.scalars(query) if job_id is not None}


def record(
    session: Session, platform: str, account_id: str, used: Mapping[str, int], now: datetime
) -> None:
    """Write down what the calls of a run have used."""
    uses = [_use(platform, account_id, counts, amount, now) for counts, amount in used.items()]
    session.execute(_ADD, uses)


def times_of(
    session: Session, limit: Limit, key: str, now: datetime, *, without_job: str = ""
) -> list[tuple[datetime, int]]:
    """Return when how much was used within a limit's window, oldest first.

    `key` is the account's id, or the platform where the whole application shares the limit.
    """
    asked = {**_window(limit, key, now), "without": without_job}
    return [(used_at, amount) for used_at, amount in session.execute(_times(limit.scope), asked)]


def entries_of(
    session: Session, limit: Limit, key: str, now: datetime
) -> list[tuple[int, datetime, int]]:
    """Return the uses within a limit's window: id, when, how much."""
    uses = session.execute(_entries(limit.scope), _window(limit, key, now))
    return [(use_id, used_at, amount) for use_id, used_at, amount in uses]


def used_in(session: Session, limit: Limit, key: str, now: datetime) -> int:
    """Return how much was used within a limit's window."""
    return int(session.scalar(_sum(limit.scope), _window(limit, key, now)) or 0)


def settle_place(
    session: Session, platform: str, job_id: str, now: datetime, *, has_upload: bool
) -> bool:
    """Keep the place of a job that the platform has something of; else give it back.

    Return whether a place is free by that.
    """
    if has_upload:
        keep_place(session, platform, job_id, now)
        return False
    return give_place_back(session, job_id)


def prune_ledger(session: Session, now: datetime) -> int:
    """Forget a batch of what no window looks back to; return how many."""
    old = select(LimitUse.id).where(LimitUse.used_at < now - LEDGER_KEEP).limit(BATCH)
    ids = session.scalars(old).all()
    session.execute(delete(LimitUse).where(LimitUse.id.in_(ids)))
    return len(ids)


def since(limit: Limit, now: datetime) -> datetime:
    """Return when a limit's window began."""
    if limit.window == "pacific_day":
        return pacific_day(now)[0]
    # What was used exactly a window ago has left it.
    return now - timedelta(seconds=limit.window_seconds) + timedelta(microseconds=1)


def _use(
    platform: str, account_id: str, counts: str, amount: int, used_at: datetime
) -> dict[str, object]:
    return {
        "platform": platform,
        "account_id": account_id,
        "counts": counts,
        "amount": amount,
        "used_at": used_at,
    }


def _window(limit: Limit, key: str, now: datetime) -> dict[str, object]:
    return {"key": key, "counts": limit.counts, "since": since(limit, now)}


def _within(scope: str) -> list[ColumnElement[bool]]:
    owner = LimitUse.account_id if scope == "account" else LimitUse.platform
    return [
        owner == bindparam("key"),
        LimitUse.counts == bindparam("counts"),
        LimitUse.used_at >= bindparam("since"),
    ]


@cache
def _taking(dialect: str) -> Insert:
    adding = inserting(dialect)(_USES)
    moved = {"used_at": adding.excluded.used_at}
    taking: Insert = adding.on_conflict_do_update(index_elements=["job_id"], set_=moved)
    return taking


@cache
def _times(scope: str) -> Select[datetime, int]:
    return (
        select(LimitUse.used_at, LimitUse.amount)
        .where(*_within(scope), LimitUse.job_id.is_distinct_from(bindparam("without")))
        .order_by(LimitUse.used_at)
    )


@cache
def _entries(scope: str) -> Select[int, datetime, int]:
    return select(LimitUse.id, LimitUse.used_at, LimitUse.amount).where(*_within(scope))


@cache
def _sum(scope: str) -> Select[int]:
    return select(func.coalesce(func.sum(LimitUse.amount), 0)).where(*_within(scope))
