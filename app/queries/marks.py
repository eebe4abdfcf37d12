"""Detects which of many jobs have changed, almost for free where none has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Select, String, any_, bindparam, cast, literal_column, null, select

from app.database.transaction import transaction
from app.models import PublishJob


@dataclass(frozen=True)
class Mark:
    """A version marker of a job.

    `version` is the row's `xmin` in PostgreSQL, the transaction that wrote it last, so that no
    writer has to announce a change. It is None on other databases: there every read counts as a
    change. `is_due` tells `waiting` from `delayed`, which changes without a write.
    """

    version: str | None
    is_due: bool


def read_marks(job_ids: Sequence[str], now: datetime) -> dict[str, Mark]:
    """Return the marks of those of the jobs that exist, by job id."""
    with transaction() as session:
        is_postgres = session.get_bind().dialect.name == "postgresql"
        rows = session.execute(
            _with_version(job_ids) if is_postgres else _without_version(job_ids)
        ).all()
    return {
        job_id: Mark(version, due_at is not None and due_at <= now)
        for job_id, version, due_at in rows
    }


def changed_jobs(known: Mapping[str, Mark | None], now: datetime) -> dict[str, Mark | None]:
    """Return the new marks of the jobs that may have changed, by job id; None: it is gone."""
    found = read_marks(list(known), now)
    return {
        job_id: found.get(job_id)
        for job_id, mark in known.items()
        if job_id not in found or found[job_id] != mark or found[job_id].version is None
    }


def _with_version(job_ids: Sequence[str]) -> Select[str, str | None, datetime | None]:
    ids = bindparam("ids", job_ids, type_=ARRAY(String))
    version = literal_column("publish_jobs.xmin::text", String)
    return select(PublishJob.id, version, PublishJob.due_at).where(PublishJob.id == any_(ids))


def _without_version(job_ids: Sequence[str]) -> Select[str, str | None, datetime | None]:
    version = cast(null(), String)
    return select(PublishJob.id, version, PublishJob.due_at).where(PublishJob.id.in_(job_ids))
