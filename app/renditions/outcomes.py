"""How a claim on a rendition ends, and how the jobs that wait for it are woken.

Every function that takes a claim requires its lease and raises `Superseded` without it. All but
`show_progress` wait out a database outage: hours of work must not be lost to a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from app.database.retrying import retry_while_away
from app.database.transaction import transaction
from app.failures import CODE_MAX_CHARS, Failure
from app.limits import lanes
from app.media.facts import Probe
from app.models import PublishJob, Rendition
from app.models.rendition import ERROR_MESSAGE_MAX_CHARS
from app.queues import Wake, wake, wake_transcode
from app.renditions.claims import RenditionClaim, write_under_lease
from app.states import JobState, RenditionState, Step, step_progress
from app.storage import StoredObject


def show_progress(claim: RenditionClaim, percent: int) -> None:
    """Store the progress, of the rendition and of the jobs that wait for it."""
    progress = step_progress(Step.OPTIMIZE, percent / 100)
    with transaction() as session:
        write_under_lease(session, claim, progress=percent)
        session.execute(
            update(PublishJob)
            .where(*_waiting(claim.rendition_id), PublishJob.progress < progress)
            .values(progress=progress)
            .execution_options(synchronize_session=False)
        )


@retry_while_away
def record_ready(claim: RenditionClaim, stored: StoredObject, facts: Probe, now: datetime) -> None:
    """Store the result and wake the jobs that wait for it.

    Idempotent, for a commit whose acknowledgement was lost: a superseded caller deletes the result.
    """
    with transaction() as session:
        if not _is_stored(session, claim):
            write_under_lease(
                session,
                claim,
                state=RenditionState.READY,
                due_at=None,
                progress=100,
                r2_key=claim.key,
                etag=stored.etag,
                file_size=stored.size_bytes,
                probe=facts.dump(),
                finished_at=now,
            )
    wake_waiting(claim.rendition_id, now)


@retry_while_away
def fail(claim: RenditionClaim, failure: Failure, now: datetime) -> None:
    """Mark as failed and wake the jobs that wait for it: each fails or retries on its own."""
    with transaction() as session:
        write_under_lease(
            session,
            claim,
            state=RenditionState.FAILED,
            due_at=None,
            error_code=failure.code[:CODE_MAX_CHARS],
            error_category=failure.category.value,
            error_message=failure.message[:ERROR_MESSAGE_MAX_CHARS],
            finished_at=now,
        )
    wake_waiting(claim.rendition_id, now)


@retry_while_away
def retry_later(claim: RenditionClaim, seconds: float, now: datetime, *, failures: int) -> None:
    """Schedule another attempt. `failures` is how many attempts have failed by now."""
    with transaction() as session:
        write_under_lease(
            session,
            claim,
            state=RenditionState.PENDING,
            due_at=now + timedelta(seconds=seconds),
            failures=failures,
            lost_runs=0,
        )


@retry_while_away
def hand_back(claim: RenditionClaim, now: datetime) -> None:
    """Release the claim so that another worker can start at once: this one must stop."""
    with transaction() as session:
        write_under_lease(session, claim, state=RenditionState.PENDING, due_at=now, lost_runs=0)
    wake_transcode()


@retry_while_away
def park(claim: RenditionClaim) -> None:
    """Release the claim until a job requests the rendition again: none waits for it any more."""
    with transaction() as session:
        write_under_lease(session, claim, state=RenditionState.PENDING, due_at=None, progress=0)


@retry_while_away
def wake_waiting(rendition_id: str, now: datetime) -> None:
    """Wake the jobs that wait for a rendition, if it has ended. Idempotent.

    A job calls it after it started to wait, since the rendition may have ended just before.
    """
    with transaction() as session:
        state = session.scalar(select(Rendition.state).where(Rendition.id == rendition_id))
        if state not in (RenditionState.READY, RenditionState.FAILED):
            return
        jobs = session.scalars(
            select(PublishJob)
            .where(*_waiting(rendition_id))
            .order_by(PublishJob.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        wakes = []
        for job in jobs:
            replaced, job.due_at = job.wake_number, now
            job.wake_number += 1
            wakes.append(Wake(job.id, job.platform, now, job.wake_number, replaced))
        # The same lock order everywhere prevents deadlocks.
        for job in sorted(jobs, key=lambda job: (job.account_id, job.priority)):
            lanes.refresh(session, job)
    wake(wakes)


def _is_stored(session: Session, claim: RenditionClaim) -> bool:
    stored = exists().where(
        Rendition.id == claim.rendition_id,
        Rendition.run_number == claim.run,
        Rendition.state == RenditionState.READY,
    )
    return bool(session.scalar(select(stored)))


def _waiting(rendition_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for jobs that wait, unleased, for a rendition."""
    return (
        PublishJob.rendition_id == rendition_id,
        PublishJob.state == JobState.ACTIVE,
        PublishJob.step == Step.OPTIMIZE,
        PublishJob.is_leased.is_(False),
    )
