"""Checks whether the parts that the service depends on are there.

Anybody may ask, so the servers' own words, which name hosts and users, go to the log alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.causes import why
from app.clock import utcnow
from app.database.versions import outdated_by, outdated_tables
from app.queries.processes import count_workers, leading_scheduler
from app.queues import PUBLISH_QUEUES, current_redis

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """The state of one part; `detail` says it in words."""

    name: str
    ok: bool
    detail: str


def check_parts() -> list[Check]:
    """Return a check for the database, Redis, the workers of each platform and the scheduler."""
    now = utcnow()
    try:
        workers, leads = count_workers(now), leading_scheduler(now) is not None
        outdated = outdated_tables(may_be_newer=True)
    except SQLAlchemyError as exc:
        logger.warning("the database does not respond: %s", why(exc))
        detail = outdated_by(exc) or f"does not respond ({type(exc).__name__})"
        database = Check("database", False, detail)
        workers, leads = Counter[str](), False
    else:
        database = Check("database", not outdated, outdated or "answers")
    return [database, _check_redis(), *_check_processes(workers, leads=leads)]


def _check_redis() -> Check:
    try:
        current_redis().ping()
    except RedisError as exc:
        logger.warning("Redis does not respond: %s", why(exc))
        return Check("redis", False, f"does not respond ({type(exc).__name__})")
    return Check("redis", True, "answers")


def _check_processes(workers: Counter[str], *, leads: bool) -> Iterator[Check]:
    for platform in PUBLISH_QUEUES:
        count = workers[platform]
        yield Check(f"worker {platform}", count > 0, f"{count} alive" if count else "none is alive")
    yield Check("scheduler", leads, "one leads" if leads else "none leads")
