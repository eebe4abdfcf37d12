"""Wake-ups that arrive before their row is due, because the clocks of two machines differ."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import PublishJob
from app.queues import Wake, wake
from app.states import OPEN_STATES

#: A row due later than this was rescheduled, and has a wake-up of its own.
CLOCK_SKEW_SECONDS = 5.0


def wake_again_if_early(job_id: str, now: datetime) -> None:
    """Queue another wake-up for a row that is due within `CLOCK_SKEW_SECONDS`."""
    with transaction() as session:
        query = select(PublishJob).where(
            PublishJob.id == job_id,
            PublishJob.state.in_(OPEN_STATES),
            PublishJob.is_leased.is_(False),
        )
        job = session.scalars(query).one_or_none()
        if job is None or job.due_at is None or job.due_at <= now:
            return
        if (job.due_at - now).total_seconds() > CLOCK_SKEW_SECONDS:
            return
        job.wake_number += 1
    wake([Wake(job.id, job.platform, job.due_at, job.wake_number)])
