"""The ledger of what was used of the platforms' limits: what counts outlives Redis."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class LimitUse(Base):
    """So much of something used at a time. Kept for two days, longer than any window."""

    __tablename__ = "limit_uses"
    __table_args__ = (
        Index("ix_limit_uses_account", "account_id", "counts", "used_at"),
        # With all that is added up over the accounts of a platform: the rows are not read.
        Index("ix_limit_uses_platform", "platform", "counts", "used_at", "account_id", "amount"),
        # A job counts once.
        Index("ix_limit_uses_job_id", "job_id", unique=True),
        Index("ix_limit_uses_used_at", "used_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    platform: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str] = mapped_column(String(26))
    #: what is counted: `posts`, `inits`, `calls`, `units` …, as `app.platforms` names it
    counts: Mapped[str] = mapped_column(String(16))
    amount: Mapped[int]
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: the job that has taken a place, for `posts`
    job_id: Mapped[str | None] = mapped_column(String(26))
