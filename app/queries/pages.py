"""One page of a list, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """The rows, and the id to go on from; None on the last page."""

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
    """Return the rows older than the one `cursor` names, `limit` at most.

    Ids sort by the time they were made, so a page stays where it is while newer rows come in.
    """
    if cursor is not None:
        query = query.where(newest_by < cursor)
    # One more than asked for tells whether there is a next page.
    rows = session.scalars(query.order_by(newest_by.desc()).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows, None)
    last: Any = rows[limit - 1]
    return Page(rows[:limit], last.id)
