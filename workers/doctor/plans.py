"""Checks that the servers accept as many connections as one of each process uses.

Plans count them. docs/operations.md has the same sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.config import Config
from app.database.engine import SCHEDULER_POOL, WEB_POOL
from app.extensions import db
from app.queues import current_redis
from app.queues.connection import SHARED_MOST
from workers.doctor.finding import Finding

#: A worker's children beside uploads and conversions: polls, maintenance and background work are
#: short, and share few children.
OTHER_CHILDREN = 4
#: The scheduler's own client: its bell, and a command.
BELL_CLIENTS = 2
#: The queues of a worker that are no platform's: maintenance, background and consents.
COMMON_QUEUES = 3
#: What all of the server, the database and the role allow to this role; NULL: it knows no bound.
_ALLOWED = text("""
    SELECT least(
      current_setting('max_connections')::int
        - CASE WHEN rolsuper THEN 0
          ELSE current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int END,
      CASE WHEN rolsuper THEN NULL ELSE nullif(rolconnlimit, -1) END,
      CASE WHEN rolsuper THEN NULL ELSE nullif(datconnlimit, -1) END)
    FROM pg_roles, pg_database
    WHERE rolname = current_user AND datname = current_database()
    """)


def database_connections(config: Config) -> dict[str, int]:
    """Return how many connections to PostgreSQL one process of each kind uses.

    The renewal of a lease opens one more in its child for a moment.
    """
    return {
        "web": WEB_POOL.most * config.web_concurrency,
        "worker": _children(config),
        "scheduler": SCHEDULER_POOL.most,
    }


def redis_clients(config: Config) -> dict[str, int]:
    """Return the most connections to Redis of one process of each kind."""
    queues = len(config.worker_platforms) + COMMON_QUEUES + bool(config.encode_concurrency)
    return {
        "web": SHARED_MOST * config.web_concurrency,
        "worker": queues + 1 + _children(config),
        "scheduler": SHARED_MOST + BELL_CLIENTS,
    }


def check_connections(config: Config) -> Finding:
    """Compare what the processes need with what PostgreSQL allows."""
    part = "DATABASE_URL connections"
    if db.engine.dialect.name != "postgresql":
        return Finding(part, True, "SQLite counts none")
    try:
        with db.engine.connect() as connection:
            allowed = connection.scalar(_ALLOWED)
    except SQLAlchemyError:
        return Finding(part, True, "cannot be counted without the database", is_note=True)
    return _compare(part, database_connections(config), allowed)


def check_clients(config: Config) -> Finding:
    """Compare what the processes need with what Redis allows."""
    part = "REDIS_URL connections"
    try:
        allowed = _maxclients()
    except RedisError:
        return Finding(part, True, "cannot be counted without Redis", is_note=True)
    return _compare(part, redis_clients(config), allowed)


def _maxclients() -> int | None:
    """Return the bound of Redis; None where it does not tell. Raises `RedisError`."""
    info: Any = current_redis().info("clients")
    if "maxclients" in info:
        return int(info["maxclients"])
    try:
        found: Any = current_redis().config_get("maxclients")
    except ResponseError:  # managed ones refuse it
        return None
    return int(found["maxclients"]) if found else None


def _children(config: Config) -> int:
    return config.worker_concurrency + config.encode_concurrency + OTHER_CHILDREN


def _compare(part: str, needs: Mapping[str, int], allowed: int | None) -> Finding:
    total = sum(needs.values())
    sums = ", ".join(f"{name} {count}" for name, count in needs.items())
    needed = f"one of each process needs up to {total} ({sums})"
    if allowed is None:
        return Finding(part, True, f"{needed}; the server does not tell its limit", is_note=True)
    if total <= allowed:
        return Finding(part, True, f"{needed}, {allowed} are allowed")
    remedy = "a larger plan, or lower WEB_CONCURRENCY or WORKER_CONCURRENCY"
    return Finding(part, False, f"{needed}, but {allowed} are allowed: {remedy}")
