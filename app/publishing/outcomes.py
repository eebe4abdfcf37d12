"""How a worker lets a job go: asked for again later, delayed, handed back, ended.

Every function needs the claim's lease and raises `Superseded` without it. Those after which the
job goes on raise `CancelRequested` where its user has cancelled it meanwhile: it would only wait
for its next turn, a day where a limit holds it, to find that out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app import timeline
from app.database.retrying import patiently
from app.failures import Failure
from app.limits import gates, lanes, ledger
from app.limits.gates import Closing
from app.limits.holds import explain
from app.models import PublishJob
from app.publishing import outbox
from app.publishing.claims import Claim
from app.publishing.holding import Proof, held, take_back
from app.publishing.passing import pass_on
from app.publishing.record import record_completed
from app.publishing.relay import relay
from app.publishing.steer import end_cancelled, has_upload
from app.queues import Wake, wake, wake_maintenance
from app.runs import CancelRequested
from app.states import JobState, Step

#: Added to the hint of a job that failed when the platform may already have published it.
MAYBE_LIVE = ". It may be live already: retry this job, which looks first; a new one would not"


@patiently
def ask_again(
    claim: Claim,
    due_at: datetime,
    now: datetime,
    *,
    progress: int,
    sent_bytes: int | None = None,
) -> None:
    """Let the job go until the next poll, within the same attempt: the platform has all of it.

    `sent_bytes`: how many bytes of the video this run sent; None where it sent none.
    """
    with held(claim) as (session, job):
        frees_place = not job.is_at_platform
        if frees_place:
            ledger.keep_place(session, job.platform, job.id, now)
        if job.step is not Step.PROCESS:
            timeline.begin_steps(
                session, job.id, job.attempts_made, [Step.PROCESS], now, sent_bytes=sent_bytes
            )
        job.step = Step.PROCESS
        job.is_at_platform = True
        job.progress = max(job.progress, progress)
        job.unanswered_since = None
        job.error_code = job.error_category = job.error_message = job.error_hint = None
        _let_go(session, job, due_at)
    _wake(job, now, frees_place=frees_place)


@patiently
def wait_for_file(claim: Claim, due_at: datetime, now: datetime, *, progress: int) -> None:
    """Let the job go until the file that is made for it is looked for again, within the same
    attempt. It uploads nothing meanwhile, so its place among the uploads is free for others."""
    with held(claim) as (session, job):
        ledger.give_place_back(session, job.id)
        job.progress = max(job.progress, progress)
        _let_go(session, job, due_at)
    _wake(job, now)


@patiently
def read_again(claim: Claim, failure: Failure, due_at: datetime, now: datetime) -> None:
    """Let the job go until the next look, within the same attempt: no answer came to this one."""
    with held(claim) as (session, job):
        job.is_at_platform = True
        job.unanswered_since = job.unanswered_since or now
        explain(job, failure)
        _let_go(session, job, due_at)
    _wake(job, now)


@patiently
def try_again(
    claim: Claim,
    failure: Failure,
    due_at: datetime,
    now: datetime,
    *,
    proof: Proof = Proof.NOTHING,
) -> None:
    """End the attempt with an error; the next one begins at `due_at`."""
    with held(claim) as (session, job):
        take_back(job, proof)
        timeline.end(session, job, ("step", "attempt"), "failed", now, failure=failure)
        _wait(session, job, "backoff", failure, due_at, now)
    _wake(job, now)


@patiently
def hold_back(
    claim: Claim,
    failure: Failure,
    due_at: datetime,
    now: datetime,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    """Give the attempt back and wait: what holds the job up costs it no attempt.

    `closing`: what holds it up holds others up as well, who need not find out one by one.
    """
    with held(claim) as (session, job):
        take_back(job, proof)
        if closing is not None:
            gates.close(session, closing, failure)
        timeline.end(session, job, ("step", "attempt"), "given_back", now, failure=failure)
        job.attempts_made -= 1
        if not has_upload(session, job):
            ledger.give_place_back(session, job.id)
        reason = "limit" if failure.category == "rate_limit" else "outage"
        _wait(session, job, reason, failure, due_at, now)
    _wake(job, now)


@patiently
def hand_back(claim: Claim, now: datetime, *, has_bytes: bool = True) -> None:
    """Let the job go at once to another worker, within the same attempt.

    Not `has_bytes`: the platform lacks some, so the job needs a place among the uploads.
    """
    with held(claim) as (session, job):
        timeline.end(session, job, ("step",), "given_back", now)
        job.step = None
        if not has_bytes:
            job.is_at_platform = False
        _let_go(session, job, now)
    _wake(job, now)


@patiently
def cancelled(claim: Claim, now: datetime) -> None:
    """End the job as its user asked."""
    with held(claim) as (session, job):
        has_freed = end_cancelled(session, job, now)
    wake_maintenance()
    pass_on(claim.platform, claim.account_id, now, has_freed=has_freed)


@patiently
def fail(
    claim: Claim,
    failure: Failure,
    now: datetime,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    """End the job with an error. A retry by the user goes on with its upload, or opens another
    where this one is dead. `closing`: what others are held up by as well."""
    with held(claim) as (session, job):
        if closing is not None:
            gates.close(session, closing, failure)
        job.state = JobState.FAILED
        job.due_at = None
        job.is_leased = False
        job.finished_at = now
        take_back(job, proof)
        if job.is_committed and failure.category != "ambiguous":
            failure = replace(failure, hint=f"{failure.hint}{MAYBE_LIVE}".lstrip(". "))
        has_freed = ledger.settle_place(
            session, job.platform, job.id, now, has_upload=job.is_committed
        )
        explain(job, failure)
        timeline.end(session, job, ("wait", "step", "attempt"), "failed", now, failure=failure)
        timeline.note(session, job, "failed", now)
        outbox.tell_failed(session, job, failure, now)
    wake_maintenance()
    pass_on(claim.platform, claim.account_id, now, has_freed=has_freed)


@patiently
def complete(
    claim: Claim,
    now: datetime,
    *,
    platform_post_id: str | None,
    url: str | None,
    warnings: Sequence[str] = (),
    follow_up_at: datetime | None = None,
) -> None:
    """Record the post and end the job; `warnings` go to the timeline and the notification."""
    with held(claim) as (session, job):
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
    wake_maintenance()
    if not claim.is_at_platform:
        relay(claim.platform, now)


def _wait(
    session: Session,
    job: PublishJob,
    reason: str,
    failure: Failure,
    due_at: datetime,
    now: datetime,
) -> None:
    job.state = JobState.WAITING
    job.step = None
    explain(job, failure)
    _let_go(session, job, due_at)
    timeline.begin(session, job, "wait", reason, now, until=due_at, failure=failure)


def _let_go(session: Session, job: PublishJob, due_at: datetime) -> None:
    if job.cancel_requested and not job.is_committed:
        raise CancelRequested(job.id)
    job.due_at = due_at
    job.lost_runs = 0  # this one got through: what ended the others was not the job
    job.is_leased = False
    job.wake_number += 1
    if not job.is_at_platform:
        lanes.refresh(session, job)


def _wake(job: PublishJob, now: datetime, *, frees_place: bool = True) -> None:
    assert job.due_at is not None
    is_poll = job.is_at_platform and job.state is JobState.ACTIVE
    wake([Wake(job.id, job.platform, job.due_at, job.wake_number, is_poll=is_poll)])
    if frees_place:
        relay(job.platform, now)
