"""The watermark of the tallies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class TallyWatermark(Base):
    """The time up to which everything is counted: one row, locked by each roll-up."""

    __tablename__ = "tally_marks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted_until: Mapped[datetime] = mapped_column(UtcDateTime)
