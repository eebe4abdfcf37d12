"""Accepts single posts: checks them, writes their jobs and wakes their workers, in groups.

Concurrent requests are read, written and woken together. A request that takes more than that, with
an idempotency key seen before or an upload still to be looked for, is processed alone, beside the
groups. So is every request of a group that failed because of one of them, which may be at fault or
need a row that is locked: the others must not fail with it. A database that is away fails them all.
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

from app.causes import why
from app.checks.posts import CheckedPost, UncheckedPost, check_post, check_posts
from app.checks.times import due_time
from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.faults import Faults
from app.intake.group_commit import GroupCommit
from app.models import PublishJob
from app.publishing.create import (
    KeyedRequest,
    NewJob,
    PublishRequest,
    create_checked,
    used_keys,
    wake_for,
    write,
)
from app.videos import settle_requested

logger = logging.getLogger(__name__)
#: A locked row must not hold up a whole group. The request that needs it waits alone, and not for
#: long, because it occupies one of the process's few connections meanwhile.
_GROUP_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '300ms'")
_SINGLE_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '3s'")
#: PostgreSQL's codes for a locked row: lock_not_available, deadlock_detected.
_LOCKED = ("55P03", "40P01")


@dataclass(frozen=True, eq=False)
class PostRequest:
    """A request to publish one post, with its idempotency key, if it has one."""

    post: UncheckedPost
    keyed: KeyedRequest | None = None


@dataclass(frozen=True)
class IntakeResult:
    """The outcome of a request: its job, or the faults for which it was refused."""

    job: PublishJob | None
    faults: Faults


class _Faulty(Exception):
    """Raised to leave the transaction of a request that has faults."""

    def __init__(self, faults: Faults) -> None:
        super().__init__("the request has faults")
        self.faults = faults


class Intake:
    """The intake of single posts, shared by all threads of a process."""

    def __init__(self) -> None:
        self._groups: GroupCommit[PostRequest, IntakeResult] = GroupCommit(
            accept_one, accept_many, wake_accepted
        )

    def accept(self, request: PostRequest) -> IntakeResult:
        """Store the job and wake its worker, or return the request's faults.

        Raises what `accept_one` and `accept_many` raise. Needs an application context.
        """
        return self._groups.submit(request)


def accept_one(request: PostRequest) -> IntakeResult:
    """Accept one request alone; raises what `create_checked` and `settle_requested` raise."""
    now, post = utcnow(), request.post
    settle_requested(post.user_id, [post.values.get("video_id")])

    def check(session: Session) -> list[NewJob]:
        _set_lock_timeout(session, _SINGLE_LOCK_TIMEOUT)
        checked = check_post(post)
        if checked.faults:
            raise _Faulty(checked.faults)
        return [_new_job(request, checked, now)]

    try:
        [job] = create_checked(check, now, keyed=request.keyed)
    except _Faulty as error:
        return IntakeResult(None, error.faults)
    return IntakeResult(job, {})


def accept_many(group: Sequence[PostRequest]) -> list[IntakeResult | None]:
    """Accept a group of requests in one transaction; None for one that must go alone.

    Raises when the database is away, and when the commit failed, so that it is unknown what was
    stored.
    """
    is_written = False
    try:
        with transaction() as session:
            results = _write_many(session, group)
            is_written = True
    except Exception as error:
        if is_written or not _may_concern_one(error):
            raise
        logger.info("%d posts are written one by one: %s", len(group), why(error))
        return [None] * len(group)
    return results


def wake_accepted(results: Sequence[IntakeResult]) -> None:
    """Wake the workers of all accepted jobs, in one round trip to Redis."""
    wake_for([result.job for result in results if result.job is not None])


def _may_concern_one(error: Exception) -> bool:
    """Return whether an error may be due to one request, so that the others may succeed alone."""
    if isinstance(error, DBAPIError):
        is_locked = getattr(error.orig, "sqlstate", None) in _LOCKED
        return is_locked or isinstance(error, (IntegrityError, DataError))
    return not isinstance(error, PoolTimeout)


def _set_lock_timeout(session: Session, timeout: TextClause) -> None:
    if db.engine.dialect.name == "postgresql":
        session.execute(timeout)


def _write_many(session: Session, group: Sequence[PostRequest]) -> list[IntakeResult | None]:
    now = utcnow()
    _set_lock_timeout(session, _GROUP_LOCK_TIMEOUT)
    results: list[IntakeResult | None] = [None] * len(group)
    positions = _with_new_keys(session, group)
    accepted = {}
    checks = check_posts([group[position].post for position in positions])
    for position, checked in zip(positions, checks):
        if checked is not None and checked.faults:
            results[position] = IntakeResult(None, checked.faults)
        elif checked is not None:
            request = group[position]
            new_job = _new_job(request, checked, now)
            accepted[position] = PublishRequest([new_job], request.keyed)
    if accepted:
        jobs = write(session, list(accepted.values()), now)
        for position, job in zip(accepted, jobs, strict=True):
            results[position] = IntakeResult(job, {})
    return results


def _with_new_keys(session: Session, group: Sequence[PostRequest]) -> list[int]:
    """Return the positions of the requests without a key, or with one seen for the first time."""
    seen = used_keys(session, [request.keyed for request in group if request.keyed is not None])
    positions = []
    for position, request in enumerate(group):
        if request.keyed is not None:
            key = (request.keyed.user_id, request.keyed.key)
            if key in seen:
                continue
            seen.add(key)
        positions.append(position)
    return positions


def _new_job(request: PostRequest, checked: CheckedPost, now: datetime) -> NewJob:
    post = request.post
    return checked.new_job(post.user_id, now, due_time(post.values, post.asked_at))
