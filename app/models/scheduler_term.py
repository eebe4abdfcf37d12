"""Which scheduler process leads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class SchedulerTerm(Base):
    """The leadership lease among the scheduler processes: one row, named `leader`.

    In the database rather than Redis: a heartbeat every few seconds costs nothing here, and there
    it would be most of an idle service's bill. `number` is the fencing token, incremented with each
    change of leader. `renewals` counts the heartbeats within a term; followers time them with
    clocks of their own.
    """

    __tablename__ = "scheduler_terms"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    renewals: Mapped[int] = mapped_column(BigInteger)
    #: empty while nobody leads: the last leader has resigned
    holder: Mapped[str] = mapped_column(String(26))
    renewed_at: Mapped[datetime] = mapped_column(UtcDateTime)
