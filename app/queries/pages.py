"""Keyset pagination, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """The rows of a page, and the cursor of the next one; None on the last page."""

    rows: Sequence[RowT]
    next_cursor: str | None


def read_page(
    session: Session,
    query: Select[RowT],
    newest_by: InstrumentedAttribute[str],
    *,
    limit: int,
    cursor: str | None,
) -> Page[RowT]:
    """Return at most `limit` rows older than the one that `cursor` names.

    Ids sort by creation time, so pages do not shift while newer rows come in. Runs within the
    caller's transaction.
    """
    if cursor is not None:
        query = query.where(newest_by < cursor)
    # One row more than requested tells whether there is a next page.
    rows = session.scalars(query.order_by(newest_by.desc()).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows, None)
    last: Any = rows[limit - 1]
    return Page(rows[:limit], last.id)
