"""What a worker reads and writes while it holds a job.

Every write locks the row and compares the claim's run number with it: a worker that wakes up
after its lease was taken over gets `Superseded` and can change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, case, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app import timeline
from app.database.retrying import patiently
from app.database.transaction import transaction
from app.models import PublishJob
from app.publishing.claims import LEASE_SECONDS, Claim
from app.runs import CancelRequested, Superseded
from app.states import Step, step_progress

#: Statements on the table itself: on the mapped class each costs half as much again.
_JOBS = cast(Table, PublishJob.__table__)
#: A lease outlives three renewals that fail.
RENEW_SECONDS = LEASE_SECONDS / 4

# Built once: each is written many times a post, and building one takes longer than the write.
_OURS = (
    _JOBS.c.id == bindparam("job_id"),
    _JOBS.c.run_number == bindparam("run"),
    _JOBS.c.is_leased,
)
_STANDING = select(
    _JOBS.c.reopened,
    _JOBS.c.committed_at,
    _JOBS.c.unanswered_since,
    _JOBS.c.started_at,
).where(*_OURS)
_RENEW = update(_JOBS).where(*_OURS).values(due_at=bindparam("until"))
_GO_ON = update(_JOBS).where(
    *_OURS, or_(_JOBS.c.cancel_requested.is_(False), _JOBS.c.committed_at.is_not(None))
)
_SAVE = _GO_ON.values(checkpoint=bindparam("saved"))
_COMMIT = _SAVE.values(
    committed_at=func.coalesce(
        _JOBS.c.committed_at, bindparam("now", type_=_JOBS.c.committed_at.type)
    )
)
_PROGRESS = bindparam("reached", type_=_JOBS.c.progress.type)
_SHOW = _GO_ON.values(
    progress=case((_JOBS.c.progress < _PROGRESS, _PROGRESS), else_=_JOBS.c.progress)
)
_MOVE = _SHOW.values(step=bindparam("to_step"))


class Proof(Enum):
    """What is known for certain of an upload that did not get through."""

    NOTHING = "nothing"
    #: the platform lacked bytes of it when it was asked, so that it is to be gone on with
    UNFINISHED = "unfinished"
    #: it has published nothing, and never will
    DEAD = "dead"


@dataclass(frozen=True)
class Standing:
    """Where a job stands besides its attempt."""

    reopened: int
    committed_at: datetime | None
    unanswered_since: datetime | None
    started_at: datetime | None


def renew(claim: Claim, now: datetime) -> bool:
    """Extend the lease; False when it is no longer ours."""
    until = now + timedelta(seconds=LEASE_SECONDS)
    with transaction() as session:
        kept = session.execute(_RENEW, {**_key(claim), "until": until})
    assert isinstance(kept, CursorResult)
    return kept.rowcount == 1


@contextmanager
def held(claim: Claim) -> Iterator[tuple[Session, PublishJob]]:
    """Lock the row for a write of this run; raises `Superseded` when it may not write.

    What the block changes of it is written once, at the end.
    """
    with transaction() as session, session.no_autoflush:
        job = session.get(PublishJob, claim.job_id, with_for_update=True, populate_existing=True)
        if job is None or job.run_number != claim.run or not job.is_leased:
            raise Superseded(claim.job_id)
        yield session, job


@patiently
def standing(claim: Claim) -> Standing:
    """Return what the row says now, for a run may have changed it since the claim; raises
    `Superseded`."""
    with transaction() as session:
        found = session.execute(_STANDING, _key(claim)).one_or_none()
    if found is None:
        raise Superseded(claim.job_id)
    return Standing(*found)


@patiently
def save_checkpoint(
    claim: Claim, checkpoint: dict[str, Any], now: datetime, *, commits: bool = False
) -> None:
    """Store what the platform has given. Durable when it returns.

    With `commits`, what follows may publish the video: a cancellation asked for before is
    honoured here (`CancelRequested`), and none can be asked for afterwards.
    """
    with transaction() as session:
        if commits:
            _write(session, claim, _COMMIT, saved=checkpoint, now=now)
        else:
            _write(session, claim, _SAVE, saved=checkpoint)


@patiently
def forget_upload(claim: Claim) -> None:
    """Drop an upload that is dead and has published nothing; the next one is opened anew."""
    with held(claim) as (_, job):
        take_back(job, Proof.DEAD)
        job.reopened += 1


def take_back(job: PublishJob, proof: Proof) -> None:
    """Take back, on a locked row, what was written down of its upload and does not hold.

    One that is dead leaves a job that may be cancelled and edited, as one that never had any. One
    that lacks bytes may still get them: those of a request that broke off can be on their way.
    """
    if proof is not Proof.NOTHING:
        job.is_at_platform = False
    if proof is Proof.DEAD:
        job.checkpoint = None
        job.committed_at = job.unanswered_since = None


@patiently
def begin_steps(claim: Claim, steps: Sequence[Step], now: datetime) -> None:
    """Move on through steps to the last of them: the progress, the timeline's entries.

    Honours a cancellation.
    """
    last = steps[-1]
    with transaction() as session:
        _write(session, claim, _MOVE, to_step=last, reached=step_progress(last, 0.0))
        timeline.begin_steps(session, claim.job_id, claim.attempt, steps, now)


def show_progress(claim: Claim, progress: int) -> None:
    """Store the progress shown to the user. Honours a cancellation."""
    with transaction() as session:
        _write(session, claim, _SHOW, reached=progress)


def note_transcode(claim: Claim, reasons: str, now: datetime) -> None:
    """Add to the timeline why, and how far, the video is made anew for the platform."""
    with held(claim) as (session, job):
        timeline.tell(session, job, "conversion", reasons, now)


def _write(session: Session, claim: Claim, change: Update, **values: object) -> None:
    """Change the row in one statement, which locks it and checks the claim; raises `Superseded`
    where it is not ours any more, and `CancelRequested`."""
    written = session.execute(change, {**_key(claim), **values})
    assert isinstance(written, CursorResult)
    if written.rowcount == 0:
        is_ours = session.execute(_STANDING, _key(claim)).one_or_none() is not None
        raise CancelRequested(claim.job_id) if is_ours else Superseded(claim.job_id)


def _key(claim: Claim) -> dict[str, object]:
    return {"job_id": claim.job_id, "run": claim.run}
