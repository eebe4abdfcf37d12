"""Transactions: committed at the end of the block, rolled back when anything is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.extensions import db


def reading() -> Session:
    """Return the session, for reads inside a caller's `transaction`.

    Nested calls of `transaction` share one transaction on one connection: the first of them to
    end ends it for all.
    """
    return db.session()


@contextmanager
def transaction() -> Iterator[Session]:
    """Yield the session; no connection is held after the block, so none across a request."""
    session = db.session()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
