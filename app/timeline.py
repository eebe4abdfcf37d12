"""Writing a job's timeline, always inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, insert, or_, update
from sqlalchemy.orm import Session

from app.database.inserting import insert_rows
from app.failures import CODE_MAX_CHARS, MESSAGE_MAX_CHARS, Failure
from app.models import PublishJob, TimelineEntry
from app.states import JobState, Step
from app.timeline_words import ChangeName, Outcome, WaitReason

#: Written through the table, not the ORM: a post has dozens of entries.
_ENTRIES = cast(Table, TimelineEntry.__table__)
_ADD = insert(_ENTRIES)


def begin_jobs(session: Session, jobs: Sequence[PublishJob], now: datetime) -> None:
    """Note that jobs were accepted and open their waits, all in one statement."""
    entries: list[dict[str, Any]] = []
    for job in jobs:
        reason: WaitReason = "scheduled" if job.state_at(now) is JobState.DELAYED else "queue"
        entry = {"job_id": job.id, "attempt": job.attempts_made, "started_at": now}
        entries += [
            {**entry, "kind": "change", "name": "accepted", "ended_at": now, "until": None},
            {**entry, "kind": "wait", "name": reason, "ended_at": None, "until": job.due_at},
        ]
    insert_rows(session, TimelineEntry, entries)


def begin_wait(
    session: Session,
    job: PublishJob,
    reason: WaitReason,
    now: datetime,
    *,
    until: datetime | None = None,
    failure: Failure | None = None,
) -> None:
    """Open a wait; `until` and `failure` say how long and why."""
    more = {} if failure is None else _error_columns(failure)
    _add(session, job, "wait", reason, started_at=now, until=until, **more)


def begin_attempt(session: Session, job: PublishJob, step: Step, now: datetime) -> None:
    """Close the wait, and open an attempt and its first step."""
    _end(session, job.id, ("wait",), {"ended_at": now, "outcome": "done"})
    entry = {"job_id": job.id, "attempt": job.attempts_made, "started_at": now}
    attempt = {**entry, "kind": "attempt", "name": f"attempt {job.attempts_made}"}
    session.execute(_ADD, [attempt, {**entry, "kind": "step", "name": step.value}])


def begin_steps(
    session: Session,
    job_id: str,
    attempt: int,
    steps: Sequence[Step],
    now: datetime,
    *,
    sent_bytes: int | None = None,
) -> None:
    """Close the open step and open the last of `steps`; those before it took no time.

    `sent_bytes`: how many bytes were sent within the step that is closed, where it was an upload.
    """
    done = {"ended_at": now, "outcome": "done", "sent_bytes": sent_bytes}
    _end(session, job_id, ("step",), done)
    entry = {"job_id": job_id, "attempt": attempt, "kind": "step", "started_at": now}
    done = {"ended_at": now, "outcome": "done"}
    still_open = {"ended_at": None, "outcome": None}
    rows = [{**entry, "name": step.value, **done} for step in steps]
    session.execute(_ADD, [*rows[:-1], {**rows[-1], **still_open}])


def note(
    session: Session,
    job: PublishJob,
    name: ChangeName,
    now: datetime,
    *,
    message: str | None = None,
) -> None:
    """Add a change: a moment, not a span."""
    words = None if message is None else message[:MESSAGE_MAX_CHARS]
    _add(session, job, "change", name, started_at=now, ended_at=now, error_message=words)


def warn(session: Session, job: PublishJob, message: str, now: datetime) -> None:
    """Note something the owner should know about a post that is live all the same."""
    note(session, job, "warning", now, message=message)


def end(
    session: Session,
    job: PublishJob,
    kinds: tuple[str, ...],
    outcome: Outcome,
    now: datetime,
    *,
    failure: Failure | None = None,
) -> None:
    """Close the job's open entries of the given kinds."""
    more = {} if failure is None else _error_columns(failure)
    _end(session, job.id, kinds, {"ended_at": now, "outcome": outcome, **more})


def wait_for_turn(session: Session, attempts: Mapping[str, int], now: datetime) -> None:
    """Close the waits of jobs, and open waits for their turn in the queue.

    `attempts`: how many each has made, by its id. Two statements, however many jobs.
    """
    close_all = update(_ENTRIES).where(
        _ENTRIES.c.job_id.in_(attempts), _ENTRIES.c.ended_at.is_(None), _ENTRIES.c.kind == "wait"
    )
    session.execute(close_all.values(ended_at=now, outcome="done"))
    entry = {"kind": "wait", "name": "queue", "started_at": now, "until": now}
    session.execute(
        _ADD, [{**entry, "job_id": job_id, "attempt": made} for job_id, made in attempts.items()]
    )


def _add(session: Session, job: PublishJob, kind: str, name: str, **columns: object) -> None:
    entry = {"job_id": job.id, "attempt": job.attempts_made, "kind": kind, "name": name}
    session.execute(_ADD, [{**entry, **columns}])


def _end(
    session: Session, job_id: str, kinds: tuple[str, ...], values: Mapping[str, object]
) -> None:
    session.execute(_closing(kinds), {"of_job": job_id, **values})


@cache
def _closing(kinds: tuple[str, ...]) -> Update:
    """Build the statement once per set of kinds, whose number is part of its text."""
    return update(_ENTRIES).where(
        _ENTRIES.c.job_id == bindparam("of_job"),
        _ENTRIES.c.ended_at.is_(None),
        or_(*(_ENTRIES.c.kind == kind for kind in kinds)),
    )


def _error_columns(failure: Failure) -> dict[str, str]:
    return {
        "error_code": failure.code[:CODE_MAX_CHARS],
        "error_category": failure.category.value,
        "error_message": failure.message[:MESSAGE_MAX_CHARS],
    }
