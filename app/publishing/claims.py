"""How a worker claims a job.

A claim is a lease with a fencing token: the row's `run_number`, which each claim raises. The
lease expires at the row's `due_at`, so a row whose worker died is simply due again.
`app.publishing.choosing` decides which row goes next; `app.publishing.leased` has what a
worker writes under its lease.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app import timeline
from app.crypto import UndecryptableError
from app.database.transaction import transaction
from app.failures import Failure
from app.limits import circuits, lanes, ledger
from app.models import PublishJob
from app.publishing.choosing import Choice, choose, choose_poll
from app.publishing.missing_wakes import queue_missing_wakes
from app.publishing.record import record_cancelled
from app.publishing.waiters import wake_waiters
from app.queues import Wake, wake, wake_delivery
from app.states import JobState, Step, step_progress

#: A lost worker is noticed within this; see also `leased.RENEW_SECONDS`.
LEASE_SECONDS = 20.0
#: The system still flushes what a dead process has written. A worker that asks the platform sooner
#: than this may get too low an offset, and send overlapping bytes.
DRAIN = timedelta(seconds=3)
#: Choices per run, each of which may put off many rows; the rest is left to another run.
ROUNDS = 20
_CHECKPOINT = select(PublishJob.checkpoint).where(PublishJob.id == bindparam("job_id"))


@dataclass(frozen=True)
class Claim:
    """What a worker needs of the row it holds; `run` is the fencing token.

    `is_at_platform`: the platform has every byte, so this run polls and uploads nothing.
    `is_probe`: this run is the circuit breaker's probe of its platform.
    `is_readable` is False where no key decrypts the checkpoint: such a job must not be acted on.
    `unanswered`: the last failure since the platform may have published; `unanswered_since`: since
    when no response has settled whether it did.
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
    rendition_id: str | None
    is_at_platform: bool = False
    is_probe: bool = False
    is_readable: bool = True
    unanswered: Failure | None = None
    unanswered_since: datetime | None = None
    checkpoint: dict[str, Any] | None = field(default=None, repr=False)


def claim_next(platform: str, now: datetime) -> Claim | None:
    """Claim the row of a platform that goes first; None: none may begin now.

    Begins an attempt, or resumes the one the row is in, as where its last worker was lost. On the
    way, puts off rows that may not begin, and ends a cancelled row left by a lost worker.
    """
    busy_accounts: frozenset[str] = frozenset()
    for _ in range(ROUNDS):
        claimed, choice = _claim_one(platform, now, busy_accounts)
        busy_accounts |= choice.busy_accounts
        if claimed is None and choice.job is not None:
            _after_cancelled(choice.job, now)
        wake(_wakes_of(choice, now), now)
        if claimed is not None or choice.is_final:
            return claimed
    queue_missing_wakes(platform, now)
    return None


def claim_poll(job_id: str, now: datetime) -> Claim | None:
    """Claim a given row for its poll; None: that is not due, or not allowed now.

    A row that may not be polled now is put off.
    """
    with transaction() as session:
        choice = choose_poll(session, job_id, now)
        claimed = None if choice.job is None else _take(session, choice.job, now, choice.is_probe)
    wake(_wakes_of(choice, now), now)
    if claimed is None and choice.job is not None:
        _after_cancelled(choice.job, now)
    return claimed


def end_lease(job_id: str, run_number: int, now: datetime) -> None:
    """Make a row due soon whose holder is known to be dead; no effect once another holds it."""
    due_at = now + DRAIN
    with transaction() as session:
        ended = session.execute(
            update(PublishJob)
            .where(
                PublishJob.id == job_id,
                PublishJob.run_number == run_number,
                PublishJob.is_leased,
            )
            .values(due_at=due_at, wake_number=PublishJob.wake_number + 1)
            .returning(PublishJob.platform, PublishJob.wake_number)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    if ended is not None:
        wake([Wake(job_id, ended.platform, due_at, ended.wake_number)])


def _wakes_of(choice: Choice, now: datetime) -> list[Wake]:
    return [
        Wake(job.id, job.platform, job.due_at or now, job.wake_number, is_poll=job.is_at_platform)
        for job in choice.put_off
    ]


def _after_cancelled(job: PublishJob, now: datetime) -> None:
    """Deliver the notification of a row that was ended instead of claimed; wake its waiters."""
    wake_delivery()
    wake_waiters(job.platform, job.account_id, now, quota_freed=True)


def _claim_one(
    platform: str, now: datetime, without: Collection[str]
) -> tuple[Claim | None, Choice]:
    with transaction() as session:
        choice = choose(session, platform, now, without=without)
        claimed = None if choice.job is None else _take(session, choice.job, now, choice.is_probe)
        return claimed, choice


def _take(session: Session, job: PublishJob, now: datetime, is_probe: bool) -> Claim | None:
    """Claim a locked row; None: it was cancelled meanwhile, and is ended."""
    if job.cancel_requested and not job.is_committed:
        record_cancelled(session, job, now)
        circuits.give_up_probe(session, job.platform, job.id, now)
        return None
    checkpoint, is_readable = _read_checkpoint(session, job)
    with session.no_autoflush:  # one UPDATE, once all is set
        _begin_or_resume(session, job, now)
        _lease(session, job, now)
    return _claim_of(job, checkpoint=checkpoint, is_readable=is_readable, is_probe=is_probe)


def _begin_or_resume(session: Session, job: PublishJob, now: datetime) -> None:
    if job.state is JobState.WAITING:
        _begin_attempt(session, job, now)
        return
    if job.is_leased:
        job.lost_runs += 1
        job.step = None
        timeline.end(session, job, ("step",), "lost", now)
    if job.step not in (Step.OPTIMIZE, Step.PROCESS):  # these two are resumed
        job.step = Step.TOKEN
        job.progress = max(job.progress, step_progress(Step.TOKEN, 0.0))
        timeline.begin_steps(session, job.id, job.attempts_made, [Step.TOKEN], now)


def _lease(session: Session, job: PublishJob, now: datetime) -> None:
    job.state = JobState.ACTIVE
    job.is_leased = True
    job.run_number += 1
    job.due_at = now + timedelta(seconds=LEASE_SECONDS)
    if not job.is_at_platform:
        ledger.reserve_quota(
            session, platform=job.platform, account_id=job.account_id, job_id=job.id, now=now
        )
        lanes.refresh(session, job, served_at=now)


def _read_checkpoint(session: Session, job: PublishJob) -> tuple[dict[str, Any] | None, bool]:
    """Return the checkpoint, and whether it can be decrypted.

    A row where it cannot must be claimed all the same: otherwise it would stay the first due row
    for ever, and starve the others of its platform.
    """
    if job.run_number == 0:
        return None, True  # never claimed before
    try:
        return session.scalar(_CHECKPOINT, {"job_id": job.id}), True
    except UndecryptableError:
        return None, False


def _begin_attempt(session: Session, job: PublishJob, now: datetime) -> None:
    job.attempts_made += 1
    job.step = Step.TOKEN
    job.progress = step_progress(Step.TOKEN, 0.0)
    job.lost_runs = job.reopened = 0
    job.unanswered_since = None
    job.started_at = job.started_at or now
    timeline.begin_attempt(session, job, Step.TOKEN, now)


def _claim_of(job: PublishJob, **more: Any) -> Claim:
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
        rendition_id=job.rendition_id,
        is_at_platform=job.is_at_platform,
        unanswered=job.error if job.unanswered_since is not None else None,
        unanswered_since=job.unanswered_since,
        **more,
    )
