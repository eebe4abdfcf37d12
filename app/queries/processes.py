"""Reads which processes are alive: workers, and the scheduler that leads.

Each of them renews its row in the database every few seconds. May raise `SQLAlchemyError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import SchedulerTerm, WorkerProcess

#: A process that has not been seen for this long counts as dead: it missed several heartbeats.
ALIVE_FOR = timedelta(seconds=30)
#: Worker processes that are listed one by one.
LISTED_MAX = 100


def list_workers(now: datetime) -> Sequence[WorkerProcess]:
    """Return the worker processes that are alive, ordered by host, at most `LISTED_MAX`."""
    query = select(WorkerProcess).where(WorkerProcess.seen_at > now - ALIVE_FOR)
    ordered = query.order_by(WorkerProcess.host, WorkerProcess.id).limit(LISTED_MAX)
    with transaction() as session:
        return session.scalars(ordered).all()


def count_workers(now: datetime) -> Counter[str]:
    """Return how many living worker processes serve each platform."""
    query = select(WorkerProcess.platforms).where(WorkerProcess.seen_at > now - ALIVE_FOR)
    with transaction() as session:
        served = session.scalars(query).all()
    return Counter(platform for platforms in served for platform in platforms.split(","))


def leading_scheduler(now: datetime) -> SchedulerTerm | None:
    """Return the current term of the scheduler that leads; None while none does."""
    query = select(SchedulerTerm).where(
        SchedulerTerm.holder != "", SchedulerTerm.renewed_at > now - ALIVE_FOR
    )
    with transaction() as session:
        return session.scalars(query.limit(1)).first()
