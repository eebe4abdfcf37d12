"""Whether the parts that the service needs are there: one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from redis.exceptions import RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.publishing.transaction import transaction
from app.queues import PUBLISH_QUEUES, current_redis
from app.queues.scheduler import LEADER_KEY


@dataclass(frozen=True)
class Check:
    """One part: whether it is as it should be, and in words."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class _Seen:
    """What Redis tells of the other processes."""

    workers: Mapping[str, int]
    has_leader: bool


def check_parts() -> list[Check]:
    """Return a check for the database, Redis, the workers of each platform and the scheduler."""
    checks = [_check_database()]
    try:
        seen = _look_around()
    except RedisError as exc:
        checks.append(Check("redis", False, f"does not answer ({type(exc).__name__})"))
        seen = _Seen({}, False)
    else:
        checks.append(Check("redis", True, "answers"))
    return [*checks, *_check_processes(seen)]


def _check_database() -> Check:
    try:
        with transaction() as session:
            session.execute(select(1))
    except SQLAlchemyError as exc:
        return Check("database", False, f"does not answer ({type(exc).__name__})")
    return Check("database", True, "answers")


def _check_processes(seen: _Seen) -> Iterator[Check]:
    for platform in PUBLISH_QUEUES:
        count = seen.workers.get(platform, 0)
        yield Check(f"worker {platform}", count > 0, f"{count} alive" if count else "none is alive")
    yield Check("scheduler", seen.has_leader, "one leads" if seen.has_leader else "none leads")


def _look_around() -> _Seen:
    """Two round trips: who is registered for each queue, and who of them is alive.

    A worker that was killed stays registered; only its own key expires.
    """
    connection = current_redis()
    pipeline = connection.pipeline(transaction=False)
    pipeline.exists(LEADER_KEY)
    for queue in PUBLISH_QUEUES.values():
        pipeline.smembers(WORKERS_BY_QUEUE_KEY % queue)
    leader, *registered = pipeline.execute()
    pipeline = connection.pipeline(transaction=False)
    for keys in registered:
        # EXISTS wants one key at least, and none has this name.
        pipeline.exists(*keys, b"")
    alive = pipeline.execute()
    return _Seen(dict(zip(PUBLISH_QUEUES, alive)), bool(leader))
