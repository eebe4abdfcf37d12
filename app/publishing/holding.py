"""What a worker writes while it holds a job.

Every write locks the row and compares the claim's run number with it: a worker that wakes up
after its lease was taken over gets `Superseded` and can change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.models import PublishJob
from app.publishing import timeline
from app.publishing.claims import LEASE_SECONDS, Claim
from app.publishing.errors import CancelRequested, Superseded
from app.publishing.patience import patiently
from app.publishing.transaction import transaction
from app.states import Step, step_progress

#: A lease outlives three renewals that fail.
RENEW_SECONDS = LEASE_SECONDS / 4


def renew(claim: Claim, now: datetime) -> bool:
    """Extend the lease; False when it is no longer ours."""
    with transaction() as session:
        kept = session.execute(
            update(PublishJob)
            .where(
                PublishJob.id == claim.job_id,
                PublishJob.run_number == claim.run,
                PublishJob.is_leased,
            )
            .values(due_at=now + timedelta(seconds=LEASE_SECONDS))
            .execution_options(synchronize_session=False)
        )
    assert isinstance(kept, CursorResult)
    return kept.rowcount == 1


@contextmanager
def held(claim: Claim) -> Iterator[tuple[Session, PublishJob]]:
    """Lock the row for a write of this run; raises `Superseded` when it may not write."""
    with transaction() as session:
        job = session.get(PublishJob, claim.job_id, with_for_update=True, populate_existing=True)
        if job is None or job.run_number != claim.run or not job.is_leased:
            raise Superseded(claim.job_id)
        yield session, job


@patiently
def save_checkpoint(
    claim: Claim, checkpoint: dict[str, Any], now: datetime, *, commits: bool = False
) -> None:
    """Store what the platform has given. Durable when it returns.

    With `commits`, what follows may publish the video: a cancellation asked for before is
    honoured here (`CancelRequested`), and none can be asked for afterwards.
    """
    with held(claim) as (_, job):
        if job.cancel_requested and not job.is_committed:
            raise CancelRequested(claim.job_id)
        job.checkpoint = checkpoint
        if commits and not job.is_committed:
            job.committed_at = now


@patiently
def forget_upload(claim: Claim) -> None:
    """Drop an upload that is dead and has published nothing; the next one is opened anew."""
    with held(claim) as (_, job):
        job.checkpoint = None
        job.committed_at = None
        job.is_at_platform = False
        job.reopened += 1


@patiently
def begin_step(claim: Claim, step: Step, now: datetime) -> None:
    """Move to a step: its progress, its timeline entry. Honours a cancellation.

    A step gone on with after a wait, `optimize` or `process`, keeps its open entry.
    """
    with held(claim) as (session, job):
        if job.cancel_requested and not job.is_committed:
            raise CancelRequested(claim.job_id)
        if job.step is step and step in (Step.OPTIMIZE, Step.PROCESS):
            return
        job.step = step
        job.progress = max(job.progress, step_progress(step, 0.0))
        timeline.end(session, job, ("step",), "done", now)
        timeline.begin(session, job, "step", step.value, now)


def show_progress(claim: Claim, progress: int) -> None:
    """Store the progress shown to the user. Honours a cancellation."""
    with held(claim) as (_, job):
        if job.cancel_requested and not job.is_committed:
            raise CancelRequested(claim.job_id)
        job.progress = max(job.progress, progress)


def tell_conversion(claim: Claim, reasons: str, now: datetime) -> None:
    """Add to the timeline why, and how far, the video is made anew for the platform."""
    with held(claim) as (session, job):
        timeline.tell(session, job, "conversion", reasons, now)
