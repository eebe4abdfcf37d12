"""Whose turn it is: an account's posts of one priority, and since when they wait to begin."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class Lane(Base):
    """One account's waiting posts of one priority, however many: what a claim chooses among.

    `turn_at` is the later of `head_due_at` and `served_at`. So the lane with the earliest one is
    that which has waited longest for its turn, and accounts alternate however much each has
    waiting. None: nothing of the lane waits. `app.limits.lanes` keeps it true.
    """

    __tablename__ = "lanes"
    __table_args__ = (Index("ix_lanes_turn", "platform", "priority", "turn_at"),)

    account_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    priority: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    platform: Mapped[str] = mapped_column(String(16))
    #: when the first of its posts is due
    head_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when a post of it was last begun
    served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    turn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
