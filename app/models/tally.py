"""Rollups of what ended, so that metrics need not count jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, JsonColumn, UtcDateTime


class Tally(Base):
    """What ended on one platform within one bucket of time.

    Every end is added to three buckets at once: five minutes, an hour, and one for all time
    (`seconds` 0). `figures` is the dump of `app.metrics.figures.Figures`.
    """

    __tablename__ = "tallies"

    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    platform: Mapped[str] = mapped_column(String(16), primary_key=True)
    figures: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
