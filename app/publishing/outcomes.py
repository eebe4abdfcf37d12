"""How a worker lets a job go: asked for again later, delayed, handed back, ended.

Every function needs the claim's lease and raises `Superseded` without it. Those after which the
job goes on raise `CancelRequested` where its user has cancelled it meanwhile: it would only wait
for its next turn, a day where a limit holds it, to find that out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, PublishedPost, PublishJob
from app.publishing import outbox, timeline
from app.publishing.claims import Claim
from app.publishing.errors import CancelRequested
from app.publishing.holding import held
from app.publishing.patience import patiently
from app.publishing.record import record_completed
from app.publishing.steer import end_cancelled
from app.publishing.timeline import Failure
from app.publishing.transaction import transaction
from app.queues import Wake, wake, wake_maintenance
from app.states import AccountState, JobState, Step

#: Added to the hint of a job that failed when the platform may already have published it.
MAYBE_LIVE = ". It may be live already: retry this job, which looks first; a new one would not"


@dataclass(frozen=True)
class Standing:
    """Where a job stands besides its attempt."""

    reopened: int
    committed_at: datetime | None
    unanswered_since: datetime | None


@patiently
def standing(claim: Claim) -> Standing:
    """Return what the row says now: a run may have changed it since the claim."""
    with held(claim) as (_, job):
        return Standing(job.reopened, job.committed_at, job.unanswered_since)


@patiently
def ask_again(claim: Claim, due_at: datetime, *, progress: int) -> None:
    """Let the job go until the next poll, within the same attempt."""
    with held(claim) as (_, job):
        job.progress = max(job.progress, progress)
        job.unanswered_since = None
        job.error_code = job.error_category = job.error_message = job.error_hint = None
        _let_go(job, due_at)
    _wake(job, is_poll=True)


@patiently
def read_again(claim: Claim, failure: Failure, due_at: datetime, now: datetime) -> None:
    """Let the job go until the next look, within the same attempt: no answer came to this one."""
    with held(claim) as (_, job):
        job.unanswered_since = job.unanswered_since or now
        _explain(job, failure)
        _let_go(job, due_at)
    _wake(job, is_poll=job.step is Step.PROCESS)


@patiently
def try_again(claim: Claim, failure: Failure, due_at: datetime, now: datetime) -> None:
    """End the attempt with an error; the next one begins at `due_at`."""
    with held(claim) as (session, job):
        timeline.end(session, job, ("step", "attempt"), "failed", now, failure=failure)
        _wait(session, job, "backoff", failure, due_at, now)
    _wake(job)


@patiently
def hold_back(claim: Claim, failure: Failure, due_at: datetime, now: datetime) -> None:
    """Give the attempt back and wait: a limit holds the job, which costs it no attempt."""
    with held(claim) as (session, job):
        timeline.end(session, job, ("step", "attempt"), "given_back", now, failure=failure)
        job.attempts_made -= 1
        _wait(session, job, "limit", failure, due_at, now)
    _wake(job)


@patiently
def hand_back(claim: Claim, now: datetime) -> None:
    """Let the job go at once to another worker, within the same attempt: this one must stop."""
    with held(claim) as (session, job):
        timeline.end(session, job, ("step",), "given_back", now)
        job.step = None
        _let_go(job, now)
    _wake(job)


@patiently
def cancelled(claim: Claim, now: datetime) -> None:
    """End the job as its user asked."""
    with held(claim) as (session, job):
        end_cancelled(session, job, now)
    wake_maintenance()


@patiently
def fail(claim: Claim, failure: Failure, now: datetime, *, upload_is_dead: bool = False) -> None:
    """End the job with an error.

    `upload_is_dead`: the platform said that this upload failed and published nothing, so a
    retry by the user may open a new one.
    """
    with held(claim) as (session, job):
        job.state = JobState.FAILED
        job.due_at = None
        job.is_leased = False
        job.finished_at = now
        if upload_is_dead:
            job.checkpoint = None
            job.committed_at = None
        elif job.is_committed and failure.category != "ambiguous":
            failure = replace(failure, hint=f"{failure.hint}{MAYBE_LIVE}".lstrip(". "))
        _explain(job, failure)
        timeline.end(session, job, ("wait", "step", "attempt"), "failed", now, failure=failure)
        timeline.note(session, job, "failed", now)
        outbox.tell_failed(session, job, failure, now)
    wake_maintenance()


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


def require_reconnect(
    account_id: str, failure: Failure, now: datetime, *, refused_token: str
) -> None:
    """Mark an account whose tokens are worthless, and tell the back end once.

    Does nothing where the account has another access token by now: it was connected again, or
    disconnected, while the platform refused the old one.
    """
    with transaction() as session:
        account = session.scalars(
            select(Account)
            .where(Account.id == account_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if account.state is AccountState.RECONNECT_REQUIRED:
            return
        if account.access_token != refused_token:
            return
        account.state = AccountState.RECONNECT_REQUIRED
        account.state_reason = failure.message[:500]
        outbox.tell_reconnect(session, account, failure, now)
    wake_maintenance()


def is_known_post(platform: str, job_id: str) -> Callable[[str], bool]:
    """Return a function that tells whether another job owns a platform's post id."""

    def known(platform_post_id: str) -> bool:
        query = select(PublishedPost.id).where(
            PublishedPost.platform == platform,
            PublishedPost.platform_post_id == platform_post_id,
            PublishedPost.job_id != job_id,
        )
        with transaction() as session:
            return session.scalar(query.limit(1)) is not None

    return known


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
    _explain(job, failure)
    _let_go(job, due_at)
    timeline.begin(session, job, "wait", reason, now, until=due_at, failure=failure)


def _let_go(job: PublishJob, due_at: datetime) -> None:
    if job.cancel_requested and not job.is_committed:
        raise CancelRequested(job.id)
    job.due_at = due_at
    job.lost_runs = 0  # this one got through: what ended the others was not the job
    job.is_leased = False
    job.wake_number += 1


def _explain(job: PublishJob, failure: Failure) -> None:
    job.error_code = failure.code[:100]
    job.error_category = failure.category
    job.error_message = failure.message[:1000]
    job.error_hint = failure.hint[:500]


def _wake(job: PublishJob, *, is_poll: bool = False) -> None:
    assert job.due_at is not None
    wake([Wake(job.id, job.platform, job.due_at, job.wake_number, is_poll=is_poll)])
