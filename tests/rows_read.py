"""The cost of queries in rows read, by the database's own count, rather than in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.extensions import db


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that the block executes, each with its parameters."""
    said: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, given: Any, *rest: Any) -> None:
        said.append((statement, given))

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


def rows_read(look: Callable[[], Any]) -> int:
    """Return how many rows the statements of a call read; PostgreSQL only."""
    with statements() as said:
        look()
    assert said
    with db.engine.connect() as connection:
        plans = [
            connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given)
            for statement, given in said
        ]
        return sum(_rows_of(plan.scalar_one()[0]["Plan"]) for plan in plans)


def _rows_of(node: dict[str, Any]) -> int:
    below = node.get("Plans", [])
    if below:
        return sum(_rows_of(one) for one in below)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])
