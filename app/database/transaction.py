"""One transaction: committed at the end of the block, undone when anything is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.extensions import db


def reading() -> Session:
    """Give the session for reads inside a caller's `transaction`, which ends them.

    What is read and what is then written by a `transaction` within that one are one transaction
    on one connection: the first end of any of them ends it for all.
    """
    return db.session()


@contextmanager
def transaction() -> Iterator[Session]:
    """Give the session; afterwards no connection is held, so none is held across a request."""
    session = db.session()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
