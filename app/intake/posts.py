"""One post for a request: checked, written, and its worker woken, for many requests at once.

What is asked for at the same time is read, written and woken together. What takes more than that,
a key seen before or an upload still to be looked for, goes by itself, beside the groups. So does
each of a group that could not be written because of one of them, which may be at fault or need a
row that somebody holds: that is no other's affair. A database that is away is everybody's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.checks.posts import CheckedPost, UncheckedPost, check_post, check_posts
from app.checks.times import due_time
from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.faults import Faults
from app.intake.group_commit import Together
from app.models import PublishJob
from app.publishing.create import (
    KeyedRequest,
    NewJob,
    Order,
    create_jobs,
    earlier_jobs,
    used_keys,
    wake_for,
    write,
)

logger = logging.getLogger(__name__)
#: A row that somebody holds is waited for by the request that needs it, not by its whole group;
#: and not for long by that one, which has one of the process's few connections meanwhile.
_HURRY = text("SET LOCAL lock_timeout = '300ms'")
_PATIENCE = text("SET LOCAL lock_timeout = '3s'")
#: PostgreSQL's codes for a row that somebody holds: lock not available, deadlock detected.
_HELD = ("55P03", "40P01")


@dataclass(frozen=True, eq=False)
class Asked:
    """A request for one post."""

    post: UncheckedPost
    keyed: KeyedRequest | None = None


@dataclass(frozen=True)
class Taken:
    """What became of a request: the job, or why there is none."""

    job: PublishJob | None
    faults: Faults


class Intake:
    """The way in for single posts, one for all threads of a process."""

    def __init__(self) -> None:
        self._together: Together[Asked, Taken] = Together(take_one, take_many, wake_taken)

    def take(self, asked: Asked) -> Taken:
        """Store the job and wake its worker up, or say what is wrong with the request.

        Raises what `create_jobs` and `settle_upload` raise. Needs an application context.
        """
        return self._together.ask(asked)


def take_one(asked: Asked) -> Taken:
    """Take one request on by itself; raises what `create_jobs` and `settle_upload` raise."""
    now, post, keyed = utcnow(), asked.post, asked.keyed
    with transaction() as session:  # one, for what is read and for what is written
        _wait_for_rows(session, _PATIENCE)
        jobs = earlier_jobs(keyed, now) if keyed else None
        if jobs is None:
            checked = check_post(post)
            if checked.faults:
                return Taken(None, checked.faults)
            jobs = create_jobs([_new_job(asked, checked, now)], now, keyed=keyed)
    return Taken(jobs[0], {})


def take_many(group: Sequence[Asked]) -> list[Taken | None]:
    """Take many requests on in one transaction; None for what has to go by itself.

    Raises where the database is away, and where the transaction's end failed, so that nobody knows
    what was stored.
    """
    is_written = False
    try:
        with transaction() as session:
            taken = _write_many(session, group)
            is_written = True
    except Exception as error:
        if is_written or not _is_of_one(error):
            raise
        logger.info("%d posts go in one by one: %s", len(group), type(error).__name__)
        return [None] * len(group)
    return taken


def wake_taken(taken: Sequence[Taken]) -> None:
    """Wake up the workers of all that were taken on, in one round trip to Redis."""
    wake_for([one.job for one in taken if one.job is not None])


def _is_of_one(error: Exception) -> bool:
    """Whether an error may be that of one request, so that the others can do without it."""
    if isinstance(error, DBAPIError):
        is_held = getattr(error.orig, "sqlstate", None) in _HELD
        return is_held or isinstance(error, (IntegrityError, DataError))
    return not isinstance(error, PoolTimeout)


def _wait_for_rows(session: Session, patience: TextClause) -> None:
    if db.engine.dialect.name == "postgresql":
        session.execute(patience)


def _write_many(session: Session, group: Sequence[Asked]) -> list[Taken | None]:
    now = utcnow()
    _wait_for_rows(session, _HURRY)
    taken: list[Taken | None] = [None] * len(group)
    places = _with_new_keys(session, group)
    orders = {}
    for place, checked in zip(places, check_posts([group[one].post for one in places])):
        if checked is not None and checked.faults:
            taken[place] = Taken(None, checked.faults)
        elif checked is not None:
            orders[place] = Order([_new_job(group[place], checked, now)], group[place].keyed)
    if orders:
        jobs = write(session, list(orders.values()), now)
        for place, job in zip(orders, jobs, strict=True):
            taken[place] = Taken(job, {})
    return taken


def _with_new_keys(session: Session, group: Sequence[Asked]) -> list[int]:
    """Return the places of those that have no key, or one that is seen for the first time."""
    seen = used_keys(session, [asked.keyed for asked in group if asked.keyed is not None])
    places = []
    for place, asked in enumerate(group):
        if asked.keyed is not None:
            key = (asked.keyed.user_id, asked.keyed.key)
            if key in seen:
                continue
            seen.add(key)
        places.append(place)
    return places


def _new_job(asked: Asked, checked: CheckedPost, now: datetime) -> NewJob:
    return checked.new_job(
        asked.post.user_id, now, due_time(asked.post.values, asked.post.asked_at)
    )
