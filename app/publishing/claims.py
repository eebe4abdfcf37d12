"""How a worker takes a job.

A claim is a lease with a fencing token: the row's `run_number`, raised by each claim. The lease
is the row's `due_at`, so a row whose worker died is simply due again. What a worker may write
while it holds the row is in `app.publishing.holding`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, literal, select, union_all, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, undefer

from app.crypto import UndecryptableError
from app.models import PublishJob
from app.publishing import timeline
from app.publishing.steer import end_cancelled
from app.publishing.transaction import transaction
from app.queues import Wake, wake, wake_maintenance
from app.states import OPEN_STATES, JobState, Step

#: A worker that is lost is noticed within this; see also `holding.RENEW_SECONDS`.
LEASE_SECONDS = 30.0
PRIORITIES = range(10, 0, -1)


@dataclass(frozen=True)
class Claim:
    """What a worker needs of the row it holds; `run` is the fencing token.

    `is_readable` is False where no key decrypts the checkpoint: nobody may act on such a job.
    """

    job_id: str
    run: int
    user_id: str
    account_id: str
    video_id: str
    platform: str
    caption: str
    hashtags: tuple[str, ...]
    privacy_level: str
    share_to_feed: bool
    platform_options: dict[str, Any]
    attempt: int
    max_attempts: int
    backoff_type: str
    backoff_delay_ms: int
    remove_on_complete: bool | int
    remove_on_fail: bool | int
    reopened: int
    lost_runs: int
    committed_at: datetime | None
    step: Step | None
    is_readable: bool = True
    checkpoint: dict[str, Any] | None = field(default=None, repr=False)


def claim_next(platform: str, now: datetime) -> Claim | None:
    """Take the due row of a platform that should go first, or return None when none is due.

    Higher priorities first, then the longest due. Begins an attempt unless the row is in the
    middle of one; a row whose last worker was lost goes on with the same attempt. A cancelled
    row left by a lost worker is ended here.
    """
    while True:
        claimed, was_cancelled = _claim_one(platform, now)
        if not was_cancelled:
            return claimed
        wake_maintenance()


def _claim_one(platform: str, now: datetime) -> tuple[Claim | None, bool]:
    with transaction() as session:
        job_id = _take(session, platform, now)
        if job_id is None:
            return None, False
        claimed = _hold(session, job_id, now)
        return claimed, claimed is None


def claim_polled(job_id: str, now: datetime) -> Claim | None:
    """Take one row that the platform processes, where its next look is due; else return None."""
    with transaction() as session:
        query = select(PublishJob.run_number).where(
            PublishJob.id == job_id,
            PublishJob.step == Step.PROCESS,
            PublishJob.is_leased.is_(False),
        )
        run_number = session.scalar(query)
        if run_number is None or not _raise_number(session, job_id, run_number, now):
            return None
        claimed = _hold(session, job_id, now)
    if claimed is None:
        wake_maintenance()
    return claimed


def end_lease(job_id: str, run_number: int, now: datetime) -> None:
    """Let a row be due at once whose holder is known to be dead; nothing where it has another."""
    with transaction() as session:
        ended = session.execute(
            update(PublishJob)
            .where(
                PublishJob.id == job_id,
                PublishJob.run_number == run_number,
                PublishJob.is_leased,
            )
            .values(due_at=now, wake_number=PublishJob.wake_number + 1)
            .returning(PublishJob.platform, PublishJob.wake_number)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    if ended is not None:
        wake([Wake(job_id, ended.platform, now, ended.wake_number)])


def _hold(session: Session, job_id: str, now: datetime) -> Claim | None:
    """Write down that a row is in a worker's hands; None for one that was cancelled meanwhile."""
    job, is_readable = _read(session, job_id)
    if job.cancel_requested and not job.is_committed:
        end_cancelled(session, job, now)
        return None
    if job.state is JobState.WAITING:
        _begin_attempt(session, job, now)
    elif job.is_leased:
        job.lost_runs += 1
        job.step = None
        timeline.end(session, job, ("step",), "lost", now)
    job.state = JobState.ACTIVE
    job.is_leased = True
    return _claim_of(job, is_readable=is_readable)


def _read(session: Session, job_id: str) -> tuple[PublishJob, bool]:
    """Return the row, and whether its checkpoint can be read.

    One that cannot must be claimed all the same: left as it is, it would be the first due row
    for ever, and no other of its platform would get its turn.
    """
    whole = [undefer(PublishJob.checkpoint)]
    try:
        return session.get_one(PublishJob, job_id, options=whole, populate_existing=True), True
    except UndecryptableError:
        return session.get_one(PublishJob, job_id, populate_existing=True), False


def _take(session: Session, platform: str, now: datetime) -> str | None:
    """Raise the run number of the first due row that nobody else takes first; return its id."""
    while True:
        found = session.execute(_first_due(platform, now)).first()
        if found is None:
            return None
        job_id, run_number = found
        if _raise_number(session, job_id, run_number, now):
            return job_id


def _raise_number(session: Session, job_id: str, run_number: int, now: datetime) -> bool:
    """Take a due row by its run number; False where somebody else was faster."""
    taken = session.execute(
        update(PublishJob)
        .where(
            PublishJob.id == job_id,
            PublishJob.run_number == run_number,
            PublishJob.state.in_(OPEN_STATES),
            PublishJob.due_at <= now,
        )
        .values(run_number=run_number + 1, due_at=now + timedelta(seconds=LEASE_SECONDS))
        .execution_options(synchronize_session=False)
    )
    assert isinstance(taken, CursorResult)
    return taken.rowcount == 1


def _first_due(platform: str, now: datetime) -> Select[str, int]:
    """One short look into the index per priority, so that rows due later cost nothing."""
    looks = [
        select(PublishJob.id, PublishJob.run_number, literal(priority).label("priority"))
        .where(
            PublishJob.platform == platform,
            PublishJob.priority == priority,
            PublishJob.state.in_(OPEN_STATES),
            PublishJob.due_at <= now,
        )
        .order_by(PublishJob.due_at)
        .limit(1)
        .subquery()
        for priority in PRIORITIES
    ]
    found = union_all(*(select(look) for look in looks)).subquery()
    return select(found.c.id, found.c.run_number).order_by(found.c.priority.desc()).limit(1)


def _begin_attempt(session: Session, job: PublishJob, now: datetime) -> None:
    job.attempts_made += 1
    job.progress = 0
    job.lost_runs = job.reopened = 0
    job.unanswered_since = None
    job.started_at = job.started_at or now
    timeline.end(session, job, ("wait",), "done", now)
    timeline.begin(session, job, "attempt", f"attempt {job.attempts_made}", now)


def _claim_of(job: PublishJob, *, is_readable: bool) -> Claim:
    return Claim(
        job_id=job.id,
        run=job.run_number,
        user_id=job.user_id,
        account_id=job.account_id,
        video_id=job.video_id,
        platform=job.platform,
        caption=job.caption,
        hashtags=tuple(job.hashtags),
        privacy_level=job.privacy_level,
        share_to_feed=job.share_to_feed,
        platform_options=dict(job.platform_options),
        attempt=job.attempts_made,
        max_attempts=job.max_attempts,
        backoff_type=job.backoff_type,
        backoff_delay_ms=job.backoff_delay_ms,
        remove_on_complete=job.remove_on_complete,
        remove_on_fail=job.remove_on_fail,
        reopened=job.reopened,
        lost_runs=job.lost_runs,
        committed_at=job.committed_at,
        step=job.step,
        is_readable=is_readable,
        checkpoint=job.checkpoint if is_readable else None,
    )
