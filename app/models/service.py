"""The service's own processes, as they make themselves known: who leads, which workers live.

In the database and not in Redis: a sign of life every few seconds costs nothing here, and there
it would be most of an idle service's bill.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class SchedulerTerm(Base):
    """Who leads among the scheduler processes: one row, of the name `leader`.

    `number` is the fencing token, raised whenever the leadership changes. `renewals` counts the
    heartbeats within a term; standbys watch it by their own clocks.
    """

    __tablename__ = "scheduler_terms"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    renewals: Mapped[int] = mapped_column(BigInteger)
    #: empty while nobody leads: the last leader has resigned
    holder: Mapped[str] = mapped_column(String(26))
    renewed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WorkerProcess(Base):
    """A living worker process, its children included."""

    __tablename__ = "worker_trees"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    #: the platforms it serves, separated by commas
    platforms: Mapped[str] = mapped_column(String(255))
    concurrency: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
