"""The fair queue: an account's posts of one priority, and when their turn came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class Lane(Base):
    """One account's waiting posts of one priority, however many; claims choose among lanes.

    `turn_at` is the later of `head_due_at` and `served_at`: the lane with the earliest one has
    waited longest for its turn, so accounts alternate however many posts each has waiting. None
    while nothing waits. Maintained by `app.limits.lanes`.
    """

    __tablename__ = "lanes"
    __table_args__ = (Index("ix_lanes_turn", "platform", "priority", "turn_at"),)

    account_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    priority: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    platform: Mapped[str] = mapped_column(String(16))
    #: when the first of its posts is due
    head_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when one of its posts last began
    served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    turn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
