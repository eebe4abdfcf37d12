"""What a worker reads and writes under its lease of a job.

Every write locks the row and checks the claim's fencing token against it: a worker that wakes up
after another has claimed the row gets `Superseded` and can change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from app import timeline
from app.crypto import UndecryptableError
from app.database.results import rows_changed
from app.database.retrying import retry_while_away
from app.database.transaction import transaction
from app.models import PublishJob
from app.publishing.claims import LEASE_SECONDS, Claim
from app.run_stops import CancelRequested, Superseded
from app.states import Step, step_progress

#: Statements on the table itself: on the mapped class each costs half as much again.
_JOBS = cast(Table, PublishJob.__table__)
#: A lease survives three failed renewals.
RENEW_SECONDS = LEASE_SECONDS / 4

# Built once: each runs many times a post, and building it takes longer than running it.
_OURS = (
    _JOBS.c.id == bindparam("job_id"),
    _JOBS.c.run_number == bindparam("run"),
    _JOBS.c.is_leased,
)
_CURRENT = select(
    _JOBS.c.reopened,
    _JOBS.c.committed_at,
    _JOBS.c.unanswered_since,
    _JOBS.c.started_at,
    _JOBS.c.error_code,
    _JOBS.c.error_since,
).where(*_OURS)
_SAVED = select(_JOBS.c.checkpoint).where(*_OURS)
_RENEW = update(_JOBS).where(*_OURS).values(due_at=bindparam("until"))
_UNLESS_CANCELLED = update(_JOBS).where(
    *_OURS, or_(_JOBS.c.cancel_requested.is_(False), _JOBS.c.committed_at.is_not(None))
)
_SAVE = _UNLESS_CANCELLED.values(checkpoint=bindparam("saved"))
_COMMIT = _SAVE.values(
    committed_at=func.coalesce(
        _JOBS.c.committed_at, bindparam("now", type_=_JOBS.c.committed_at.type)
    )
)
_PROGRESS = bindparam("reached", type_=_JOBS.c.progress.type)
_SHOW = _UNLESS_CANCELLED.values(
    progress=case((_JOBS.c.progress < _PROGRESS, _PROGRESS), else_=_JOBS.c.progress)
)
_MOVE = _SHOW.values(step=bindparam("to_step"))


class Proof(Enum):
    """What has been proven about a failed upload."""

    NOTHING = "nothing"
    #: the platform said that it lacks bytes: the upload is to be resumed
    UNFINISHED = "unfinished"
    #: it has published nothing and never will
    DEAD = "dead"


@dataclass(frozen=True)
class CurrentRow:
    """The columns of a job that may have changed since its claim."""

    reopened: int
    committed_at: datetime | None
    unanswered_since: datetime | None
    started_at: datetime | None
    error_code: str | None
    error_since: datetime | None


def renew(claim: Claim, now: datetime) -> bool:
    """Renew the lease; False when it is no longer this claim's."""
    until = now + timedelta(seconds=LEASE_SECONDS)
    with transaction() as session:
        kept = session.execute(_RENEW, {**_key(claim), "until": until})
    return rows_changed(kept) == 1


@contextmanager
def under_lease(claim: Claim) -> Iterator[tuple[Session, PublishJob]]:
    """Lock the row for a write of this run; raises `Superseded` when it may not write.

    The changes of the block are written once, at its end.
    """
    with transaction() as session, session.no_autoflush:
        job = session.get(PublishJob, claim.job_id, with_for_update=True, populate_existing=True)
        if job is None or job.run_number != claim.run or not job.is_leased:
            raise Superseded(claim.job_id)
        yield session, job


@retry_while_away
def read_current(claim: Claim) -> CurrentRow:
    """Read what this run may have changed since the claim; raises `Superseded`."""
    with transaction() as session:
        found = session.execute(_CURRENT, _key(claim)).one_or_none()
    if found is None:
        raise Superseded(claim.job_id)
    return CurrentRow(*found)


@retry_while_away
def saved_checkpoint(claim: Claim) -> dict[str, Any] | None:
    """Read the checkpoint as this run has left it; None for none, or if no key decrypts it.

    Raises `Superseded`.
    """
    with transaction() as session:
        try:
            found = session.execute(_SAVED, _key(claim)).one_or_none()
        except UndecryptableError:
            return None
    if found is None:
        raise Superseded(claim.job_id)
    return cast("dict[str, Any] | None", found[0])


@retry_while_away
def save_checkpoint(
    claim: Claim, checkpoint: dict[str, Any], now: datetime, *, commits: bool = False
) -> None:
    """Store the checkpoint; it is durable when this returns.

    With `commits`, the next request may publish the video: a cancellation requested before is
    honoured here (`CancelRequested`), and none is accepted afterwards.
    """
    with transaction() as session:
        if commits:
            _write(session, claim, _COMMIT, saved=checkpoint, now=now)
        else:
            _write(session, claim, _SAVE, saved=checkpoint)


@retry_while_away
def forget_upload(claim: Claim) -> None:
    """Drop an upload that is dead and has published nothing, so that a new one is opened."""
    with under_lease(claim) as (_, job):
        apply_proof(job, Proof.DEAD)
        job.reopened = claim.reopened + 1  # not raised twice where the write is repeated


def apply_proof(job: PublishJob, proof: Proof) -> None:
    """Update a locked row with what is proven about its failed upload.

    A dead upload leaves a job that may be cancelled and edited, as if it had never had one. An
    unfinished one stays committed: bytes of a broken request can still arrive.
    """
    if proof is not Proof.NOTHING:
        job.is_at_platform = False
    if proof is Proof.DEAD:
        job.checkpoint = None
        job.committed_at = job.unanswered_since = None


@retry_while_away
def begin_steps(claim: Claim, steps: Sequence[Step], now: datetime) -> None:
    """Advance through steps to the last of them, with its progress and their timeline entries.

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
    """Note in the timeline why and how the video is transcoded for the platform."""
    with under_lease(claim) as (session, job):
        timeline.note(session, job, "conversion", now, message=reasons)


def _write(session: Session, claim: Claim, change: Update, **values: object) -> None:
    """Change the row in one statement, which locks it and checks the claim.

    Raises `Superseded` where the claim is no longer valid, and `CancelRequested`.
    """
    written = session.execute(change, {**_key(claim), **values})
    if rows_changed(written) == 0:
        is_ours = session.execute(_CURRENT, _key(claim)).one_or_none() is not None
        raise CancelRequested(claim.job_id) if is_ours else Superseded(claim.job_id)


def _key(claim: Claim) -> dict[str, object]:
    return {"job_id": claim.job_id, "run": claim.run}
