"""Writing a job's timeline; always inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from app.models import PublishJob, TimelineEntry
from app.states import JobState

_ENTRIES = cast(Table, TimelineEntry.__table__)


@dataclass(frozen=True)
class Failure:
    """An error as the row, the timeline and the API keep it.

    `category` is one of the contract's; `hint` says what the user can do, or is empty.
    """

    code: str
    category: str
    message: str
    hint: str = ""


def accepted(session: Session, jobs: Sequence[PublishJob], now: datetime) -> None:
    """Write down that jobs were taken on and wait, all in one statement."""
    entries: list[dict[str, Any]] = []
    for job in jobs:
        reason = "scheduled" if job.state_at(now) is JobState.DELAYED else "queue"
        entry = {"job_id": job.id, "attempt": job.attempts_made, "started_at": now}
        entries += [
            {**entry, "kind": "change", "name": "accepted", "ended_at": now, "until": None},
            {**entry, "kind": "wait", "name": reason, "ended_at": None, "until": job.due_at},
        ]
    session.execute(insert(_ENTRIES), entries)


def begin(
    session: Session,
    job: PublishJob,
    kind: str,
    name: str,
    now: datetime,
    *,
    until: datetime | None = None,
    failure: Failure | None = None,
) -> None:
    """Open an entry; for a wait, `until` and `failure` say how long and why."""
    entry = TimelineEntry(
        job_id=job.id,
        kind=kind,
        name=name,
        attempt=job.attempts_made,
        started_at=now,
        until=until,
    )
    if failure is not None:
        _explain(entry, failure)
    session.add(entry)


def note(session: Session, job: PublishJob, name: str, now: datetime) -> None:
    """Add a change: a moment, not a span."""
    session.add(
        TimelineEntry(
            job_id=job.id,
            kind="change",
            name=name,
            attempt=job.attempts_made,
            started_at=now,
            ended_at=now,
        )
    )


def warn(session: Session, job: PublishJob, message: str, now: datetime) -> None:
    """Add something the owner should know about a post that is live all the same."""
    tell(session, job, "warning", message, now)


def tell(session: Session, job: PublishJob, name: str, message: str, now: datetime) -> None:
    """Add a moment and what is to be said of it."""
    session.add(
        TimelineEntry(
            job_id=job.id,
            kind="change",
            name=name,
            attempt=job.attempts_made,
            started_at=now,
            ended_at=now,
            error_message=message[:1000],
        )
    )


def end(
    session: Session,
    job: PublishJob,
    kinds: tuple[str, ...],
    outcome: str,
    now: datetime,
    *,
    failure: Failure | None = None,
) -> None:
    """Close the job's open entries of the given kinds."""
    query = select(TimelineEntry).where(
        TimelineEntry.job_id == job.id,
        TimelineEntry.ended_at.is_(None),
        TimelineEntry.kind.in_(kinds),
    )
    for entry in session.scalars(query):
        entry.ended_at = now
        entry.outcome = outcome
        if failure is not None:
            _explain(entry, failure)


def _explain(entry: TimelineEntry, failure: Failure) -> None:
    entry.error_code = failure.code[:100]
    entry.error_category = failure.category
    entry.error_message = failure.message[:1000]
