"""Requests already accepted, by their `Idempotency-Key`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.models.base import Base, UtcDateTime

#: Lifetime of a key.
KEY_LIFETIME = timedelta(hours=24)


class IdempotencyKey(Base):
    """One key of one user: the hash of its body, and the job or batch that it created."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    user_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    #: id of the job, or of the batch
    made_id: Mapped[str] = mapped_column(String(26))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
