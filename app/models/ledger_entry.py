"""The durable ledger of rate-limit usage: Redis may lose its counters, this may not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class LedgerEntry(Base):
    """One use of a limit. Kept for two days, longer than any window."""

    __tablename__ = "limit_uses"
    __table_args__ = (
        Index("ix_limit_uses_account", "account_id", "counts", "used_at"),
        # Covers the sums over all accounts of a platform, so that the rows are not read.
        Index("ix_limit_uses_platform", "platform", "counts", "used_at", "account_id", "amount"),
        # A job counts once.
        Index("ix_limit_uses_job_id", "job_id", unique=True),
        Index("ix_limit_uses_used_at", "used_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    platform: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str] = mapped_column(String(26))
    #: what is counted: `posts`, `inits`, `calls`, `units` …, as named in `app.platforms`
    counts: Mapped[str] = mapped_column(String(16))
    amount: Mapped[int]
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: for `posts`: the job that reserved the quota
    job_id: Mapped[str | None] = mapped_column(String(26))
