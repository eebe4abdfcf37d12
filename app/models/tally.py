"""What ended, counted: so that no look at the metrics has to count jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, JsonColumn, UtcDateTime


class Tally(Base):
    """What ended on one platform in one span of time.

    Whatever is counted goes into three spans at once: five minutes, an hour, and one that never
    ends (`seconds` 0). `figures` is what `app.metrics.figures.Figures` dumps.
    """

    __tablename__ = "tallies"

    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    platform: Mapped[str] = mapped_column(String(16), primary_key=True)
    figures: Mapped[dict[str, Any]] = mapped_column(JsonColumn)


class TallyMark(Base):
    """Up to when everything is counted: one row, locked by whoever counts on."""

    __tablename__ = "tally_marks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted_until: Mapped[datetime] = mapped_column(UtcDateTime)
