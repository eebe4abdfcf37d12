"""Who is at work: worker processes that have been seen of late, and the scheduler that leads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import SchedulerTerm, WorkerProcess
from app.queries.health import ALIVE_FOR

#: Worker processes that are shown one by one.
SHOWN = 100


def living_workers(now: datetime) -> Sequence[WorkerProcess]:
    """Return the worker processes that are alive, by host."""
    query = select(WorkerProcess).where(WorkerProcess.seen_at > now - ALIVE_FOR)
    with transaction() as session:
        return session.scalars(
            query.order_by(WorkerProcess.host, WorkerProcess.id).limit(SHOWN)
        ).all()


def leading_scheduler(now: datetime) -> SchedulerTerm | None:
    """Return the term of the scheduler that leads now; None: none does."""
    query = select(SchedulerTerm).where(
        SchedulerTerm.holder != "", SchedulerTerm.renewed_at > now - ALIVE_FOR
    )
    with transaction() as session:
        return session.scalars(query.limit(1)).first()
