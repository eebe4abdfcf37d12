"""How a run of a job ends: with another poll, a delay, a hand-back, or the end of the job.

Every function needs the claim's lease and raises `Superseded` without it. Those after which the
job continues raise `CancelRequested` if its user has cancelled it meanwhile, which would otherwise
count only when it is next due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app import timeline
from app.database.retrying import retry_while_away
from app.failures import Category, Failure
from app.limits import gates, lanes, ledger
from app.limits.gates import Closing
from app.models import PublishJob
from app.publishing import outbox
from app.publishing.claims import Claim
from app.publishing.leased import Proof, apply_proof, under_lease
from app.publishing.missing_wakes import queue_missing_wakes
from app.publishing.record import end_job, has_upload, record_cancelled, record_completed
from app.publishing.waiters import wake_waiters
from app.queues import Wake, wake, wake_delivery
from app.run_stops import CancelRequested
from app.states import JobState, Step
from app.timeline_words import WaitReason


@retry_while_away
def poll_again(
    claim: Claim, due_at: datetime, now: datetime, *, progress: int, sent_bytes: int | None = None
) -> None:
    """Wait for the next poll, within the same attempt: the platform has every byte.

    `sent_bytes`: how many bytes of the video this run sent; None if it sent none.
    """
    with under_lease(claim) as (session, job):
        frees_slot = not job.is_at_platform
        if frees_slot:
            ledger.restart_quota_window(session, job.platform, job.id, now)
        if job.step is not Step.PROCESS:
            timeline.begin_steps(
                session, job.id, job.attempts_made, [Step.PROCESS], now, sent_bytes=sent_bytes
            )
        job.step = Step.PROCESS
        job.is_at_platform = True
        job.progress = max(job.progress, progress)
        job.unanswered_since = None
        job.clear_error()
        _release_lease(session, job, due_at)
    _wake(job, now, frees_slot=frees_slot)


@retry_while_away
def wait_for_rendition(claim: Claim, due_at: datetime, now: datetime, *, progress: int) -> None:
    """Wait for the rendition, within the same attempt, without upload slot and post quota."""
    with under_lease(claim) as (session, job):
        ledger.release_quota(session, job.id)
        job.progress = max(job.progress, progress)
        job.clear_error()
        _release_lease(session, job, due_at)
    _wake(job, now)


@retry_while_away
def poll_unanswered(claim: Claim, failure: Failure, due_at: datetime, now: datetime) -> None:
    """Wait for the next poll, within the same attempt: this one got no response."""
    with under_lease(claim) as (session, job):
        job.is_at_platform = True
        job.unanswered_since = job.unanswered_since or now
        job.set_error(failure, now)
        _release_lease(session, job, due_at)
    _wake(job, now)


@retry_while_away
def try_again(
    claim: Claim,
    failure: Failure,
    due_at: datetime,
    now: datetime,
    *,
    proof: Proof = Proof.NOTHING,
) -> None:
    """Fail the attempt; the next one begins at `due_at`."""
    with under_lease(claim) as (session, job):
        apply_proof(job, proof)
        timeline.end(session, job, ("step", "attempt"), "failed", now, failure=failure)
        _wait(session, job, "backoff", failure, due_at, now)
    _wake(job, now)


@retry_while_away
def hold_back(
    claim: Claim,
    failure: Failure,
    due_at: datetime,
    now: datetime,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    """Wait, and give the attempt back: the cause of the wait costs no attempt.

    `closing` closes the gate for the other jobs that are held up as well, so that they need not
    fail one by one.
    """
    with under_lease(claim) as (session, job):
        apply_proof(job, proof)
        if closing is not None:
            gates.close(session, closing, failure)
        timeline.end(session, job, ("step", "attempt"), "given_back", now, failure=failure)
        job.attempts_made -= 1
        if not has_upload(session, job):
            ledger.release_quota(session, job.id)
        reason: WaitReason = "limit" if failure.category is Category.RATE_LIMIT else "outage"
        _wait(session, job, reason, failure, due_at, now)
    _wake(job, now)


@retry_while_away
def hand_back(
    claim: Claim,
    now: datetime,
    *,
    has_bytes: bool = True,
    due_at: datetime | None = None,
    failure: Failure | None = None,
) -> None:
    """Hand the job back, within its attempt; without `has_bytes` it needs an upload slot again."""
    with under_lease(claim) as (session, job):
        timeline.end(session, job, ("step",), "given_back", now)
        job.step = None
        if failure is not None:
            job.set_error(failure, now)
        elif job.unanswered_since is None:
            job.clear_error()  # else a later absence of the database would count from this one
        if not has_bytes:
            job.is_at_platform = False
        _release_lease(session, job, due_at or now)
    _wake(job, now)


@retry_while_away
def cancel(claim: Claim, now: datetime) -> None:
    """End the job as cancelled by its user."""
    with under_lease(claim) as (session, job):
        quota_freed = record_cancelled(session, job, now)
    wake_delivery()
    wake_waiters(claim.platform, claim.account_id, now, quota_freed=quota_freed)


@retry_while_away
def fail(
    claim: Claim,
    failure: Failure,
    now: datetime,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    """Fail the job. A retry by the user resumes its upload, or opens another where it is dead.

    `closing` closes the gate for the other jobs that the failure holds up.
    """
    with under_lease(claim) as (session, job):
        if closing is not None:
            gates.close(session, closing, failure)
        end_job(job, JobState.FAILED, now)
        apply_proof(job, proof)
        if job.is_committed and failure.category is not Category.AMBIGUOUS:
            failure = failure.for_maybe_live()
        quota_freed = ledger.settle_quota(
            session, job.platform, job.id, now, has_upload=job.is_committed
        )
        job.set_error(failure, now)
        timeline.end(session, job, ("wait", "step", "attempt"), "failed", now, failure=failure)
        timeline.note(session, job, "failed", now)
        outbox.notify_failed(session, job, failure, now)
    wake_delivery()
    wake_waiters(claim.platform, claim.account_id, now, quota_freed=quota_freed)


@retry_while_away
def complete(
    claim: Claim,
    now: datetime,
    *,
    platform_post_id: str | None,
    url: str | None,
    warnings: Sequence[str] = (),
    follow_up_at: datetime | None = None,
) -> None:
    """End the job as published; `warnings` go to the timeline and the notification."""
    with under_lease(claim) as (session, job):
        timeline.begin_steps(session, job.id, job.attempts_made, [Step.RECORD], now)
        record_completed(
            session,
            job,
            now,
            platform_post_id=platform_post_id,
            url=url,
            warnings=warnings,
            follow_up_at=follow_up_at,
        )
    wake_delivery()
    if not claim.is_at_platform:
        queue_missing_wakes(claim.platform, now)


def _wait(
    session: Session,
    job: PublishJob,
    reason: WaitReason,
    failure: Failure,
    due_at: datetime,
    now: datetime,
) -> None:
    job.state = JobState.WAITING
    job.step = None
    job.set_error(failure, now)
    _release_lease(session, job, due_at)
    timeline.begin_wait(session, job, reason, now, until=due_at, failure=failure)


def _release_lease(session: Session, job: PublishJob, due_at: datetime) -> None:
    if job.cancel_requested and not job.is_committed:
        raise CancelRequested(job.id)
    job.due_at = due_at
    job.lost_runs = 0  # this run survived, so the job does not kill its workers
    job.is_leased = False
    job.wake_number += 1
    if not job.is_at_platform:
        lanes.refresh(session, job)


def _wake(job: PublishJob, now: datetime, *, frees_slot: bool = True) -> None:
    assert job.due_at is not None
    is_poll = job.is_at_platform and job.state is JobState.ACTIVE
    wake([Wake(job.id, job.platform, job.due_at, job.wake_number, is_poll=is_poll)])
    if frees_slot:
        queue_missing_wakes(job.platform, now)
