"""Which of many jobs have changed: a look that costs next to nothing where none has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Select, String, any_, bindparam, cast, literal_column, null, select

from app.database.transaction import transaction
from app.models import PublishJob


@dataclass(frozen=True)
class Mark:
    """What tells one look at a job from the next.

    `version` is PostgreSQL's own of the row, the transaction that wrote it last: nobody who
    writes a job has to think of those who listen. None where the database has no such thing:
    then only the job itself tells. `is_due`: a job that waits is shown as delayed until then.
    """

    version: str | None
    is_due: bool


def read_marks(job_ids: Sequence[str], now: datetime) -> dict[str, Mark]:
    """Return the marks of those of the jobs that are there."""
    with transaction() as session:
        is_postgres = session.get_bind().dialect.name == "postgresql"
        rows = session.execute(_of_postgres(job_ids) if is_postgres else _plain(job_ids)).all()
    return {
        job_id: Mark(version, due_at is not None and due_at <= now)
        for job_id, version, due_at in rows
    }


def changed_jobs(known: Mapping[str, Mark | None], now: datetime) -> dict[str, Mark | None]:
    """Return the jobs whose mark may be another by now, with their marks; None: it is gone."""
    found = read_marks(list(known), now)
    return {
        job_id: found.get(job_id)
        for job_id, mark in known.items()
        if job_id not in found or found[job_id] != mark or found[job_id].version is None
    }


def _of_postgres(job_ids: Sequence[str]) -> Select[str, str | None, datetime | None]:
    ids = bindparam("ids", job_ids, type_=ARRAY(String))
    version = literal_column("publish_jobs.xmin::text", String)
    return select(PublishJob.id, version, PublishJob.due_at).where(PublishJob.id == any_(ids))


def _plain(job_ids: Sequence[str]) -> Select[str, str | None, datetime | None]:
    version = cast(null(), String)
    return select(PublishJob.id, version, PublishJob.due_at).where(PublishJob.id.in_(job_ids))
