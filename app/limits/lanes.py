"""Fair queueing: whose turn it is to begin, at a cost independent of the number of waiting posts.

Every change that may give a lane another head calls `refresh`, inside the same transaction. The
lane is locked before its head is read, so that of two concurrent changes the second sees the
first. Only new posts need no such read (`join`): they can only move the head forward.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    Integer,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.database.inserting import Insert, insert_missing, insert_rows
from app.models import Lane, PublishJob
from app.models.publish_job import TO_BEGIN

PRIORITIES = range(10, 0, -1)
#: Posts counted at most per priority, to say how many go before another post.
WAITING_MAX = 2000
# Built once: each runs for every post, and building it takes longer than running it.
_IS_READY = (
    Lane.platform == bindparam("platform"),
    Lane.turn_at <= bindparam("now"),
    Lane.account_id.not_in(bindparam("full_accounts", expanding=True)),
)


def _longest_waiting() -> Select[Lane]:
    """Select each priority's lane whose turn came first, with an index lookup for each."""
    rows = [
        select(literal_column(str(priority), Integer).label("priority")) for priority in PRIORITIES
    ]
    priorities = union_all(*rows).cte("priorities")
    longest = select(Lane.account_id).where(*_IS_READY, Lane.priority == priorities.c.priority)
    first = longest.order_by(Lane.turn_at).limit(1).scalar_subquery()
    found = select(priorities.c.priority, first.label("account_id")).cte("found")
    # Materialized, or PostgreSQL would run the lookups once for every lane in the table.
    ids = found.prefix_with("MATERIALIZED", dialect="postgresql")
    same = (Lane.account_id == ids.c.account_id) & (Lane.priority == ids.c.priority)
    return select(Lane).join(ids, same)


_NEXT = _longest_waiting()
_COUNT = select(func.count()).select_from(
    select(Lane.account_id)
    .where(*_IS_READY, Lane.priority.in_(PRIORITIES))
    .limit(bindparam("limit"))
    .subquery()
)
_OF_LANE = (
    PublishJob.account_id == bindparam("account_id"),
    PublishJob.priority == bindparam("priority"),
    TO_BEGIN,
)
_HEAD = select(PublishJob.due_at).where(*_OF_LANE).order_by(PublishJob.due_at).limit(1)
_DUE = (
    select(PublishJob)
    .where(*_OF_LANE, PublishJob.due_at <= bindparam("now"))
    .order_by(PublishJob.due_at, PublishJob.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


def join(session: Session, jobs: Sequence[PublishJob]) -> None:
    """Add new posts to their lanes: one statement, without reading any lane's posts."""
    heads: dict[tuple[str, int, str], datetime] = {}
    for job in jobs:
        assert job.due_at is not None
        key = (job.account_id, job.priority, job.platform)
        heads[key] = min(heads.get(key, job.due_at), job.due_at)
    rows = [
        {
            "account_id": key[0],
            "priority": key[1],
            "platform": key[2],
            "head_due_at": heads[key],
            "turn_at": heads[key],
        }
        for key in sorted(heads)  # sorted, so that two batches cannot deadlock
    ]
    insert_rows(session, Lane, rows, _merge_heads)


def _merge_heads(insert: Insert) -> Insert:
    new = insert.excluded
    # Not LEAST and GREATEST, whose treatment of NULL differs between the databases.
    head = case((Lane.head_due_at <= new.head_due_at, Lane.head_due_at), else_=new.head_due_at)
    turn = case((Lane.served_at > head, Lane.served_at), else_=head)
    changes = {"head_due_at": head, "turn_at": turn}
    return insert.on_conflict_do_update(index_elements=["account_id", "priority"], set_=changes)


def refresh(session: Session, job: PublishJob, *, served_at: datetime | None = None) -> None:
    """Bring the lane of a job up to date; `served_at`: when a post of it begins."""
    refresh_lane(session, job.account_id, job.priority, job.platform, served_at=served_at)


def refresh_lane(
    session: Session,
    account_id: str,
    priority: int,
    platform: str,
    *,
    served_at: datetime | None = None,
) -> None:
    """Read a lane's head, and update the lane's `turn_at`."""
    session.flush()
    lane = _locked(session, account_id, priority, platform)
    lane.head_due_at = session.scalar(_HEAD, {"account_id": account_id, "priority": priority})
    lane.served_at = served_at or lane.served_at
    lane.turn_at = lane.head_due_at
    if lane.head_due_at is not None and lane.served_at is not None:
        lane.turn_at = max(lane.head_due_at, lane.served_at)


def next_lanes(
    session: Session,
    platform: str,
    now: datetime,
    *,
    without: Collection[str],
    aging: timedelta,
) -> list[Lane]:
    """Return the lanes whose turn has come, of accounts not in `without`, the next one first.

    One index lookup per priority, for its longest waiting lane. The highest priority goes first,
    raised by one for each `aging` that the lane has waited (zero: never raised), so that no post
    starves.
    """
    values = {"platform": platform, "now": now, "full_accounts": list(without)}
    fresh = {"populate_existing": True}
    lanes = list(session.scalars(_NEXT, values, execution_options=fresh))

    def rank(lane: Lane) -> tuple[int, datetime, str]:
        turn_at = lane.turn_at or now
        raised = (now - turn_at) // aging if aging else 0
        return (-(lane.priority + raised), turn_at, lane.account_id)

    return sorted(lanes, key=rank)


def count_lanes(
    session: Session, platform: str, now: datetime, *, without: Collection[str], limit: int
) -> int:
    """Count the lanes whose turn has come, up to `limit`."""
    values = {"platform": platform, "now": now, "full_accounts": list(without), "limit": limit}
    return session.scalar(_COUNT, values) or 0


def due_jobs(session: Session, lane: Lane, now: datetime, limit: int) -> list[PublishJob]:
    """Lock and return the lane's due posts, the head first.

    Skips those that another transaction is changing, which refreshes the lane itself.
    """
    values = {"account_id": lane.account_id, "priority": lane.priority, "now": now, "limit": limit}
    return list(session.scalars(_DUE, values, execution_options={"populate_existing": True}))


def count_waiting(session: Session, account_id: str, priority: int, now: datetime) -> int:
    """Count an account's due uploads of at least a priority, up to `WAITING_MAX` of each."""
    return session.scalar(_waiting(priority), {"account_id": account_id, "now": now}) or 0


@cache
def _waiting(priority: int) -> Select[int]:
    queries = [
        select(PublishJob.id)
        .where(
            PublishJob.account_id == bindparam("account_id"),
            PublishJob.priority == each,
            TO_BEGIN,
            PublishJob.due_at <= bindparam("now"),
        )
        .limit(WAITING_MAX)
        .subquery()
        for each in PRIORITIES
        if each >= priority
    ]
    rows = union_all(*(select(query) for query in queries)).subquery()
    return select(func.count()).select_from(rows)


def _locked(session: Session, account_id: str, priority: int, platform: str) -> Lane:
    key = {"account_id": account_id, "priority": priority}
    lane = session.get(Lane, key, with_for_update=True, populate_existing=True)
    if lane is None:
        insert_missing(session, Lane, platform=platform, **key)
        lane = session.get_one(Lane, key, with_for_update=True, populate_existing=True)
    return lane
