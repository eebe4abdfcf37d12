"""Independent parts of one piece of work: that one fails must not keep the others from running."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")


def run_all(*parts: Callable[[], T]) -> list[T]:
    """Run every part and return their results; then raise the first part's error, if any failed.

    For errors of Redis and of the database, which may concern one row. Any other is raised at once.
    """
    results: list[T] = []
    first: Exception | None = None
    for part in parts:
        try:
            results.append(part())
        except (RedisError, SQLAlchemyError) as exc:
            first = first or exc
    if first is not None:
        raise first
    return results
