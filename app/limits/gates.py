"""Gates that the platforms close, for one account or for the whole application.

What a platform says overrides what this service has counted. Inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.database.inserting import insert_missing
from app.failures import CODE_MAX_CHARS, HINT_MAX_CHARS, MESSAGE_MAX_CHARS, Category, Failure
from app.models import Gate

#: The hint of what holds up a post until a known time.
GOES_OUT_BY_ITSELF = (
    "Nothing needs to be done: the post goes out by itself, without using an attempt"
)
_READ = select(Gate).where(Gate.key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True)
class Closing:
    """A platform's demand to send nothing more for a while.

    `key` is the account's id, or the platform's name for all accounts on it. With `reads`, polls
    are to stop as well.
    """

    key: str
    until: datetime
    reads: bool = False


def lock(session: Session, key: str) -> Gate:
    """Return a gate, locked until the transaction ends."""
    gate = session.get(Gate, key, with_for_update=True, populate_existing=True)
    if gate is None:
        insert_missing(
            session,
            Gate,
            key=key,
            code="",
            message="",
            hint="",
            failures=0,
            is_general=False,
            is_releasing=False,
            is_recovering=False,
            pause_seconds=0.0,
        )
        gate = session.get_one(Gate, key, with_for_update=True, populate_existing=True)
    return gate


def read(session: Session, keys: Sequence[str]) -> Mapping[str, Gate]:
    """Return the gates that have a row, by key."""
    fresh = {"populate_existing": True}
    gates = session.scalars(_READ, {"keys": list(keys)}, execution_options=fresh)
    return {gate.key: gate for gate in gates}


def close(session: Session, closing: Closing, failure: Failure) -> None:
    """Close a gate until a time, unless it is closed for longer already."""
    gate = lock(session, closing.key)
    if gate.begins_closed_until is None or gate.begins_closed_until < closing.until:
        gate.begins_closed_until = closing.until
        gate.code = failure.code[:CODE_MAX_CHARS]
        gate.message = failure.message[:MESSAGE_MAX_CHARS]
        gate.hint = failure.hint[:HINT_MAX_CHARS]
    is_later = gate.reads_closed_until is None or gate.reads_closed_until < closing.until
    if closing.reads and is_later:
        gate.reads_closed_until = closing.until


def reason(gate: Gate) -> Failure:
    """Return why a gate is closed."""
    return Failure(gate.code, Category.RATE_LIMIT, gate.message, gate.hint)


def learn_posts_max(session: Session, account_id: str, maximum: int) -> None:
    """Store the number of daily posts that the platform allows an account."""
    known = session.get(Gate, account_id)
    if known is None or known.posts_max != maximum:
        lock(session, account_id).posts_max = maximum
