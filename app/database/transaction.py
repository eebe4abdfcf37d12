"""Transactions: committed at the end of the block, rolled back when anything is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.extensions import db

_IN_BLOCK = "in_transaction_block"


def reading() -> Session:
    """Return the session, for reads inside a caller's `transaction`.

    A nested `transaction` is refused: its end would end the caller's.
    """
    return db.session()


@contextmanager
def transaction() -> Iterator[Session]:
    """Yield the session; no connection is held after the block, so none across a request.

    Raises `RuntimeError` within another block.
    """
    session = db.session()
    if session.info.get(_IN_BLOCK):
        raise RuntimeError("a transaction within another one would end it")
    session.info[_IN_BLOCK] = True
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info[_IN_BLOCK] = False
