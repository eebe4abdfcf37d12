"""The ledger of limit usage in the database; inside the caller's transaction.

A job reserves post quota when it is claimed to begin, and keeps it across attempts: a post counts
once. A platform's rolling windows start when it has the video, so the reservation's time moves to
that moment. Quota of a calendar day stays with the day on which it was reserved.
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

from app.database.inserting import dialect_insert
from app.database.results import rows_changed
from app.limits.rules import LEDGER_KEEP, POSTS, limits_on
from app.limits.windows import pacific_day
from app.models import LedgerEntry
from app.platforms import Limit

BATCH = 5000
#: Written through the table, not the ORM: each run of a post writes some.
_ENTRIES = cast(Table, LedgerEntry.__table__)
_ADD = insert(_ENTRIES)
_OF_JOB = _ENTRIES.c.job_id == bindparam("of_job")
_RESTART = update(_ENTRIES).where(_OF_JOB).values(used_at=bindparam("now"))
_RELEASE = delete(_ENTRIES).where(_OF_JOB)


def reserve_quota(
    session: Session, *, platform: str, account_id: str, job_id: str, now: datetime
) -> None:
    """Count a job among the posts from now on; again for the same job only moves the time."""
    entry = _entry(platform, account_id, POSTS, 1, now)
    session.execute(_reserving(session.get_bind().dialect.name), {**entry, "job_id": job_id})


def restart_quota_window(session: Session, platform: str, job_id: str, now: datetime) -> None:
    """Restart the rolling windows of a job's quota now; no effect where it has none."""
    if all(limit.window == "rolling" for limit in limits_on(platform, POSTS)):
        session.execute(_RESTART, {"of_job": job_id, "now": now})


def release_quota(session: Session, job_id: str) -> bool:
    """Release a job's quota: the platform has nothing of it. Return whether it had any."""
    released = session.execute(_RELEASE, {"of_job": job_id})
    return rows_changed(released) > 0


def with_quota(session: Session, platform: str, job_ids: Sequence[str], now: datetime) -> set[str]:
    """Return those of these jobs whose quota still counts in the longest of the windows."""
    oldest = min((since(limit, now) for limit in limits_on(platform, POSTS)), default=now)
    query = select(LedgerEntry.job_id).where(
        LedgerEntry.job_id.in_(job_ids), LedgerEntry.used_at >= oldest
    )
    return {job_id for job_id in session.scalars(query) if job_id is not None}


def record(
    session: Session, platform: str, account_id: str, used: Mapping[str, int], now: datetime
) -> None:
    """Record what the calls of a run have used."""
    entries = [_entry(platform, account_id, counts, amount, now) for counts, amount in used.items()]
    session.execute(_ADD, entries)


def times_of(
    session: Session, limit: Limit, key: str, now: datetime, *, without_job: str = ""
) -> list[tuple[datetime, int]]:
    """Return the uses within a limit's window as (time, amount), oldest first.

    `key` is the account's id, or the platform where the whole application shares the limit.
    """
    values = {**_bind_values(limit, key, now), "without": without_job}
    return [(used_at, amount) for used_at, amount in session.execute(_times(limit.scope), values)]


def entries_of(
    session: Session, limit: Limit, key: str, now: datetime
) -> list[tuple[int, datetime, int]]:
    """Return the uses within a limit's window as (id, time, amount)."""
    entries = session.execute(_entries(limit.scope), _bind_values(limit, key, now))
    return [(entry_id, used_at, amount) for entry_id, used_at, amount in entries]


def used_in(session: Session, limit: Limit, key: str, now: datetime) -> int:
    """Return how much was used within a limit's window."""
    return int(session.scalar(_sum(limit.scope), _bind_values(limit, key, now)) or 0)


def settle_quota(
    session: Session, platform: str, job_id: str, now: datetime, *, has_upload: bool
) -> bool:
    """Keep the quota of a job that ends with an upload at the platform, else release it.

    Return whether any was released.
    """
    if has_upload:
        restart_quota_window(session, platform, job_id, now)
        return False
    return release_quota(session, job_id)


def prune_ledger(session: Session, now: datetime) -> int:
    """Delete a batch of entries older than any window; return how many."""
    old = select(LedgerEntry.id).where(LedgerEntry.used_at < now - LEDGER_KEEP).limit(BATCH)
    ids = session.scalars(old).all()
    session.execute(delete(LedgerEntry).where(LedgerEntry.id.in_(ids)))
    return len(ids)


def since(limit: Limit, now: datetime) -> datetime:
    """Return when a limit's window began."""
    if limit.window == "pacific_day":
        return pacific_day(now)[0]
    # A use exactly one window ago has left the window.
    return now - timedelta(seconds=limit.window_seconds) + timedelta(microseconds=1)


def _entry(
    platform: str, account_id: str, counts: str, amount: int, used_at: datetime
) -> dict[str, object]:
    return {
        "platform": platform,
        "account_id": account_id,
        "counts": counts,
        "amount": amount,
        "used_at": used_at,
    }


def _bind_values(limit: Limit, key: str, now: datetime) -> dict[str, object]:
    return {"key": key, "counts": limit.counts, "since": since(limit, now)}


def _within(scope: str) -> list[ColumnElement[bool]]:
    owner = LedgerEntry.account_id if scope == "account" else LedgerEntry.platform
    return [
        owner == bindparam("key"),
        LedgerEntry.counts == bindparam("counts"),
        LedgerEntry.used_at >= bindparam("since"),
    ]


@cache
def _reserving(dialect: str) -> Insert:
    adding = dialect_insert(dialect)(_ENTRIES)
    moved = {"used_at": adding.excluded.used_at}
    reserving: Insert = adding.on_conflict_do_update(index_elements=["job_id"], set_=moved)
    return reserving


@cache
def _times(scope: str) -> Select[datetime, int]:
    return (
        select(LedgerEntry.used_at, LedgerEntry.amount)
        .where(*_within(scope), LedgerEntry.job_id.is_distinct_from(bindparam("without")))
        .order_by(LedgerEntry.used_at)
    )


@cache
def _entries(scope: str) -> Select[int, datetime, int]:
    return select(LedgerEntry.id, LedgerEntry.used_at, LedgerEntry.amount).where(*_within(scope))


@cache
def _sum(scope: str) -> Select[int]:
    return select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(*_within(scope))
