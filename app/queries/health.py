"""Whether the parts that the service needs are there: one line each.

Workers and the scheduler's leader make themselves known in the database every few seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import SchedulerTerm, WorkerProcess
from app.queues import PUBLISH_QUEUES, current_redis

#: A process that has not been seen for this long is not there: a few of its signs are missing.
ALIVE_FOR = timedelta(seconds=30)


@dataclass(frozen=True)
class Check:
    """One part: whether it is as it should be, and in words."""

    name: str
    ok: bool
    detail: str


def check_parts() -> list[Check]:
    """Return a check for the database, Redis, the workers of each platform and the scheduler."""
    try:
        workers, leads = workers_alive(), is_leader_alive()
    except SQLAlchemyError as exc:
        database = Check("database", False, f"does not answer ({type(exc).__name__})")
        workers, leads = Counter[str](), False
    else:
        database = Check("database", True, "answers")
    return [database, _check_redis(), *_check_processes(workers, leads=leads)]


def workers_alive() -> Counter[str]:
    """Return how many worker processes serve each platform now. Raises `SQLAlchemyError`."""
    query = select(WorkerProcess.platforms).where(WorkerProcess.seen_at > utcnow() - ALIVE_FOR)
    with transaction() as session:
        served = session.scalars(query).all()
    return Counter(platform for platforms in served for platform in platforms.split(","))


def is_leader_alive() -> bool:
    """Tell whether a scheduler leads now. Raises `SQLAlchemyError`."""
    query = select(SchedulerTerm.name).where(
        SchedulerTerm.holder != "", SchedulerTerm.renewed_at > utcnow() - ALIVE_FOR
    )
    with transaction() as session:
        return session.scalar(query.limit(1)) is not None


def _check_redis() -> Check:
    try:
        current_redis().ping()
    except RedisError as exc:
        return Check("redis", False, f"does not answer ({type(exc).__name__})")
    return Check("redis", True, "answers")


def _check_processes(workers: Counter[str], *, leads: bool) -> Iterator[Check]:
    for platform in PUBLISH_QUEUES:
        count = workers[platform]
        yield Check(f"worker {platform}", count > 0, f"{count} alive" if count else "none is alive")
    yield Check("scheduler", leads, "one leads" if leads else "none leads")
