"""Whose turn it is to begin, at a cost that does not grow with the number of posts waiting.

Whatever changes which post of a lane is the first calls `refresh`, inside the same transaction.
The lane is locked before its first post is looked for, so that of two changes at once the second
sees what the first has done. Only a new post needs no look (`join`): it can but be earlier.
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
#: Posts counted of one priority, to say how many go before another one.
WAITING_MAX = 2000


# Built once: a worker asks these for each post, and to build one takes longer than the answer.
_MAY_GO = (
    Lane.platform == bindparam("platform"),
    Lane.turn_at <= bindparam("now"),
    Lane.account_id.not_in(bindparam("without", expanding=True)),
)


def _longest_waiting() -> Select[Lane]:
    """Look for each priority's lane whose turn came first: a look into the index for each."""
    each = [
        select(literal_column(str(priority), Integer).label("priority")) for priority in PRIORITIES
    ]
    priorities = union_all(*each).cte("priorities")
    longest = select(Lane.account_id).where(*_MAY_GO, Lane.priority == priorities.c.priority)
    first = longest.order_by(Lane.turn_at).limit(1).scalar_subquery()
    found = select(priorities.c.priority, first.label("account_id")).cte("found")
    # By itself first: PostgreSQL would else look once for each lane that there is.
    ids = found.prefix_with("MATERIALIZED", dialect="postgresql")
    same = (Lane.account_id == ids.c.account_id) & (Lane.priority == ids.c.priority)
    return select(Lane).join(ids, same)


_NEXT = _longest_waiting()
_COUNT = select(func.count()).select_from(
    select(Lane.account_id)
    .where(*_MAY_GO, Lane.priority.in_(PRIORITIES))
    .limit(bindparam("most"))
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
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def join(session: Session, jobs: Sequence[PublishJob]) -> None:
    """Let new posts wait in their lanes: one statement, and no look at the posts of any lane."""
    first: dict[tuple[str, int, str], datetime] = {}
    for job in jobs:
        assert job.due_at is not None
        key = (job.account_id, job.priority, job.platform)
        first[key] = min(first.get(key, job.due_at), job.due_at)
    rows = [
        {
            "account_id": key[0],
            "priority": key[1],
            "platform": key[2],
            "head_due_at": first[key],
            "turn_at": first[key],
        }
        for key in sorted(first)  # the same order everywhere: no two batches wait for each other
    ]
    insert_rows(session, Lane, rows, _joined)


def _joined(insert: Insert) -> Insert:
    new = insert.excluded
    # Not by LEAST and GREATEST, which take NULL for different things in different databases.
    head = case((Lane.head_due_at <= new.head_due_at, Lane.head_due_at), else_=new.head_due_at)
    turn = case((Lane.served_at > head, Lane.served_at), else_=head)
    changes = {"head_due_at": head, "turn_at": turn}
    return insert.on_conflict_do_update(index_elements=["account_id", "priority"], set_=changes)


def refresh(session: Session, job: PublishJob, *, served_at: datetime | None = None) -> None:
    """Bring the lane of a job up to date; `served_at`: a post of it begins."""
    refresh_lane(session, job.account_id, job.priority, job.platform, served_at=served_at)


def refresh_lane(
    session: Session,
    account_id: str,
    priority: int,
    platform: str,
    *,
    served_at: datetime | None = None,
) -> None:
    """Look for a lane's first post, and say when its turn is."""
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

    A look into the index per priority: the longest waiting lane of each. The highest priority
    goes first, raised by one for each `aging` that its lane has waited for its turn (zero: never
    raised), so that nobody waits for ever.
    """
    asked = {"platform": platform, "now": now, "without": list(without)}
    fresh = {"populate_existing": True}
    lanes = list(session.scalars(_NEXT, asked, execution_options=fresh))

    def rank(lane: Lane) -> tuple[int, datetime, str]:
        turn_at = lane.turn_at or now
        raised = (now - turn_at) // aging if aging else 0
        return (-(lane.priority + raised), turn_at, lane.account_id)

    return sorted(lanes, key=rank)


def count_lanes(
    session: Session, platform: str, now: datetime, *, without: Collection[str], limit: int
) -> int:
    """Count the lanes whose turn has come, up to `limit`."""
    asked = {"platform": platform, "now": now, "without": list(without), "most": limit}
    return session.scalar(_COUNT, asked) or 0


def due_jobs(session: Session, lane: Lane, now: datetime, limit: int) -> list[PublishJob]:
    """Lock and return the lane's due posts, the first one first.

    Those that a caller is changing at this moment are left out: they are refreshed by it.
    """
    asked = {"account_id": lane.account_id, "priority": lane.priority, "now": now, "most": limit}
    return list(session.scalars(_DUE, asked, execution_options={"populate_existing": True}))


def count_waiting(session: Session, account_id: str, priority: int, now: datetime) -> int:
    """Count an account's due posts of at least a priority that have not begun, up to a bound."""
    return session.scalar(_waiting(priority), {"account_id": account_id, "now": now}) or 0


@cache
def _waiting(priority: int) -> Select[int]:
    looks = [
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
    rows = union_all(*(select(look) for look in looks)).subquery()
    return select(func.count()).select_from(rows)


def _locked(session: Session, account_id: str, priority: int, platform: str) -> Lane:
    key = {"account_id": account_id, "priority": priority}
    lane = session.get(Lane, key, with_for_update=True, populate_existing=True)
    if lane is None:
        insert_missing(session, Lane, platform=platform, **key)
        lane = session.get_one(Lane, key, with_for_update=True, populate_existing=True)
    return lane
