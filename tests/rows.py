"""Rows as the database has them now."""

from __future__ import annotations

from app.database.transaction import transaction
from app.extensions import db
from app.models import PublishJob


def row(job: PublishJob | str) -> PublishJob:
    """Read a job's row again, by the job or its id."""
    job_id = job if isinstance(job, str) else job.id
    db.session.commit()  # ends the snapshot of a transaction that the test may have open
    with transaction() as session:
        return session.get_one(PublishJob, job_id, populate_existing=True)
