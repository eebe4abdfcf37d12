"""Creating publish jobs: committed first, queued afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict

from app import timeline
from app.clock import utcnow
from app.database.inserting import insert_rows
from app.database.transaction import transaction
from app.ids import new_id
from app.limits import lanes
from app.models import IdempotencyKey, PublishJob
from app.models.idempotency_key import KEY_LIFETIME
from app.publishing.errors import KeyReused
from app.queues import Wake, wake
from app.states import JobState

_KEYS = cast(Table, IdempotencyKey.__table__)
_USED_KEYS = select(_KEYS.c.user_id, _KEYS.c.key).where(
    tuple_(_KEYS.c.user_id, _KEYS.c.key).in_(bindparam("keys", expanding=True))
)


@dataclass(frozen=True)
class NewJob:
    """One validated request. `due_at` is when it may start: now, or the scheduled time."""

    user_id: str
    account_id: str
    video_id: str
    platform: str
    caption: str
    privacy_level: str
    priority: int
    due_at: datetime
    scheduled_time: datetime | None = None
    hashtags: Sequence[str] = ()
    share_to_feed: bool = True
    platform_options: dict[str, Any] = field(default_factory=dict)
    max_attempts: int = 3
    backoff_type: str = "exponential"
    backoff_delay_ms: int = 5000
    remove_on_complete: bool | int = False
    remove_on_fail: bool | int = False


@dataclass(frozen=True)
class KeyedRequest:
    """An Idempotency-Key and the hash of the body it came with."""

    user_id: str
    key: str
    request_hash: str


@dataclass(frozen=True)
class PublishRequest:
    """The validated posts of one request, and its Idempotency-Key, if it has one."""

    posts: Sequence[NewJob]
    keyed: KeyedRequest | None = None
    batch_id: str | None = None


def create_jobs(
    new_jobs: Sequence[NewJob],
    now: datetime,
    *,
    batch_id: str | None = None,
    keyed: KeyedRequest | None = None,
) -> list[PublishJob]:
    """Store the jobs in one transaction, all or none, then wake their workers.

    Repeating a `keyed` request returns the jobs of the first one; the same key with another body
    raises `KeyReused`. An expired key is free again.
    """
    return create_checked(lambda session: new_jobs, now, batch_id=batch_id, keyed=keyed)


def create_checked(
    check: Callable[[Session], Sequence[NewJob]],
    now: datetime,
    *,
    batch_id: str | None = None,
    keyed: KeyedRequest | None = None,
) -> list[PublishJob]:
    """Do as `create_jobs` with what `check` returns, and its reads in the same transaction.

    It is not called for a repeated request. What it raises leaves nothing behind.
    """
    try:
        with transaction() as session:
            earlier = earlier_jobs(session, keyed, now)
            if earlier is not None:
                return earlier
            if keyed is not None:
                _delete_expired_key(session, keyed, now)
            jobs = write(session, [PublishRequest(check(session), keyed, batch_id)], now)
    except IntegrityError:
        # Only the key can collide: ids are random, and the rows referred to were read before.
        with transaction() as session:
            earlier = earlier_jobs(session, keyed, now)
        if earlier is None:
            raise
        return earlier
    wake_for(jobs)
    return jobs


def write(session: Session, requests: Sequence[PublishRequest], now: datetime) -> list[PublishJob]:
    """Write the jobs of several requests, and their keys; return the jobs in order.

    The number of statements does not depend on the number of jobs. Raises `IntegrityError` where
    a key is taken.
    """
    rows = [_columns(new, request.batch_id, now) for request in requests for new in request.posts]
    jobs = _store(session, rows)
    timeline.begin_jobs(session, jobs, now)
    lanes.join(session, jobs)
    created = iter(jobs)
    keys = []
    for request in requests:
        first = [next(created) for _ in request.posts][0]
        if request.keyed is not None:
            keys.append(_key_row(request.keyed, request.batch_id or first.id, now))
    if keys:  # sorted, so that two transactions cannot deadlock
        insert_rows(session, IdempotencyKey, sorted(keys, key=itemgetter("user_id", "key")))
    return jobs


def wake_for(jobs: Sequence[PublishJob]) -> None:
    """Wake workers for new jobs; call it after the commit."""
    wake([Wake(job.id, job.platform, job.due_at or utcnow(), job.wake_number) for job in jobs])


def used_keys(session: Session, keyed: Sequence[KeyedRequest]) -> set[tuple[str, str]]:
    """Return the (user, key) pairs among these that are in the database, expired or not."""
    if not keyed:
        return set()
    pairs = [(request.user_id, request.key) for request in keyed]
    return {(user_id, key) for user_id, key in session.execute(_USED_KEYS, {"keys": pairs})}


def earlier_jobs(
    session: Session, keyed: KeyedRequest | None, now: datetime
) -> list[PublishJob] | None:
    """Return the jobs that this key created before, if any; raises `KeyReused`."""
    if keyed is None:
        return None
    row = session.get(IdempotencyKey, (keyed.user_id, keyed.key))
    if row is None or row.created_at <= now - KEY_LIFETIME:
        return None
    if row.request_hash != keyed.request_hash:
        raise KeyReused("This Idempotency-Key was used with another body")
    created = (PublishJob.id == row.made_id) | (PublishJob.batch_id == row.made_id)
    query = select(PublishJob).where(created, PublishJob.user_id == keyed.user_id)
    return list(session.scalars(query.order_by(PublishJob.id)))


def _delete_expired_key(session: Session, keyed: KeyedRequest, now: datetime) -> None:
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.user_id == keyed.user_id,
            IdempotencyKey.key == keyed.key,
            IdempotencyKey.created_at <= now - KEY_LIFETIME,
        )
    )


def _store(session: Session, rows: Sequence[dict[str, Any]]) -> list[PublishJob]:
    """Insert the rows in one statement, past the unit of work, which costs more than PostgreSQL."""
    insert_rows(session, PublishJob, rows)
    return [_stored(row) for row in rows]


def _stored(row: dict[str, Any]) -> PublishJob:
    """Return a stored row as a detached entity, without the cost of setting each attribute."""
    job = PublishJob()
    instance_dict(job).update(row)
    make_transient_to_detached(job)
    return job


def _columns(new: NewJob, batch_id: str | None, now: datetime) -> dict[str, Any]:
    return dict(
        id=new_id(),
        user_id=new.user_id,
        account_id=new.account_id,
        video_id=new.video_id,
        platform=new.platform,
        batch_id=batch_id,
        caption=new.caption,
        hashtags=list(new.hashtags),
        privacy_level=new.privacy_level,
        share_to_feed=new.share_to_feed,
        platform_options=dict(new.platform_options),
        priority=new.priority,
        max_attempts=new.max_attempts,
        backoff_type=new.backoff_type,
        backoff_delay_ms=new.backoff_delay_ms,
        remove_on_complete=new.remove_on_complete,
        remove_on_fail=new.remove_on_fail,
        scheduled_time=new.scheduled_time,
        state=JobState.WAITING,
        due_at=new.due_at,
        attempts_made=0,
        wake_number=0,
        created_at=now,
    )


def _key_row(keyed: KeyedRequest, made_id: str, now: datetime) -> dict[str, Any]:
    return dict(
        user_id=keyed.user_id,
        key=keyed.key,
        request_hash=keyed.request_hash,
        made_id=made_id,
        created_at=now,
    )
