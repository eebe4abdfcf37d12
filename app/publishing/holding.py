"""What a worker writes while it holds a job.

Every write locks the row and compares the claim's run number with it: a worker that wakes up
after its lease was taken over gets `Superseded` and can change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, case, func, literal, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.models import PublishJob
from app.publishing import timeline
from app.publishing.claims import LEASE_SECONDS, Claim
from app.publishing.errors import CancelRequested, Superseded
from app.publishing.patience import patiently
from app.publishing.transaction import transaction
from app.states import Step, step_progress

#: What is written without being read needs no mapped object, which costs as much as the write.
_JOBS = cast(Table, PublishJob.__table__)
#: A lease outlives three renewals that fail.
RENEW_SECONDS = LEASE_SECONDS / 4


def renew(claim: Claim, now: datetime) -> bool:
    """Extend the lease; False when it is no longer ours."""
    with transaction() as session:
        kept = session.execute(
            update(_JOBS)
            .where(_is_ours(claim))
            .values(due_at=now + timedelta(seconds=LEASE_SECONDS))
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
    values: dict[str, Any] = {"checkpoint": checkpoint}
    if commits:
        moment = literal(now, PublishJob.committed_at.type)  # stored as any other of the column
        values["committed_at"] = func.coalesce(PublishJob.committed_at, moment)
    with transaction() as session:
        _write(session, claim, values)


@patiently
def forget_upload(claim: Claim) -> None:
    """Drop an upload that is dead and has published nothing; the next one is opened anew."""
    with held(claim) as (_, job):
        job.checkpoint = None
        job.committed_at = None
        job.is_at_platform = False
        job.reopened += 1


@patiently
def begin_steps(claim: Claim, steps: Sequence[Step], now: datetime) -> None:
    """Move on through steps to the last of them: the progress, the timeline's entries.

    Honours a cancellation.
    """
    last = steps[-1]
    with transaction() as session:
        progress = _at_least(step_progress(last, 0.0))
        _write(session, claim, {"step": last, "progress": progress})
        timeline.begin_steps(session, claim.job_id, claim.attempt, steps, now)


def show_progress(claim: Claim, progress: int) -> None:
    """Store the progress shown to the user. Honours a cancellation."""
    with transaction() as session:
        _write(session, claim, {"progress": _at_least(progress)})


def tell_conversion(claim: Claim, reasons: str, now: datetime) -> None:
    """Add to the timeline why, and how far, the video is made anew for the platform."""
    with held(claim) as (session, job):
        timeline.tell(session, job, "conversion", reasons, now)


def _write(session: Session, claim: Claim, values: Mapping[str, object]) -> None:
    """Change the row in one statement, which locks it and checks the claim; raises `Superseded`
    where it is not ours any more, and `CancelRequested`."""
    may_go_on = or_(PublishJob.cancel_requested.is_(False), PublishJob.committed_at.is_not(None))
    written = session.execute(update(_JOBS).where(_is_ours(claim), may_go_on).values(values))
    assert isinstance(written, CursorResult)
    if written.rowcount == 0:
        is_ours = session.scalar(select(PublishJob.id).where(_is_ours(claim))) is not None
        raise CancelRequested(claim.job_id) if is_ours else Superseded(claim.job_id)


def _is_ours(claim: Claim) -> ColumnElement[bool]:
    return and_(
        PublishJob.id == claim.job_id, PublishJob.run_number == claim.run, PublishJob.is_leased
    )


def _at_least(progress: int) -> ColumnElement[int]:
    return case((PublishJob.progress < progress, progress), else_=PublishJob.progress)
