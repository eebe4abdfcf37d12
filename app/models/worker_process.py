"""Which worker processes are alive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class WorkerProcess(Base):
    """One worker process with its children, while it lives.

    Its heartbeat, `seen_at`, is kept in the database rather than Redis, like that of
    `SchedulerTerm`.
    """

    __tablename__ = "worker_trees"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    #: the platforms it serves, separated by commas
    platforms: Mapped[str] = mapped_column(String(255))
    concurrency: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
