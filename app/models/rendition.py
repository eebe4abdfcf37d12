"""Renditions: videos transcoded for a platform that does not accept the original."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.failures import CODE_MAX_CHARS
from app.ids import new_id
from app.models.base import Base, JsonColumn, UtcDateTime, values_of
from app.states import RenditionState

#: Longer messages are cut.
ERROR_MESSAGE_MAX_CHARS = 500
_OPEN = text("state IN ('pending', 'encoding')")


class Rendition(Base):
    """The result of one recipe for one version of one object, shared by every job that needs it.

    `due_at` says when a worker may claim it: now, later, or, while it is claimed, when the lease
    expires; None while no job waits for it.
    """

    __tablename__ = "renditions"
    __table_args__ = (
        UniqueConstraint("source_key", "source_etag", "recipe_digest"),
        Index("ix_renditions_due", "due_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_renditions_user_id", "user_id", "started_at"),
        Index("ix_renditions_last_used_at", "last_used_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(128))
    source_key: Mapped[str] = mapped_column(String(1024))
    source_etag: Mapped[str] = mapped_column(String(255))
    source_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_seconds: Mapped[float]
    recipe_digest: Mapped[str] = mapped_column(String(32))
    #: the dump of `app.media.recipe.Recipe`
    recipe: Mapped[dict[str, Any]] = mapped_column(JsonColumn)

    state: Mapped[RenditionState] = mapped_column(values_of(RenditionState))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: fencing token: incremented by each claim; a write with any other number is refused
    run_number: Mapped[int] = mapped_column(default=0)
    #: attempts that failed, and workers lost since the last one
    failures: Mapped[int] = mapped_column(default=0)
    lost_runs: Mapped[int] = mapped_column(default=0)
    #: 0–100
    progress: Mapped[int] = mapped_column(default=0)

    #: the key of the result, once it is ready
    r2_key: Mapped[str | None] = mapped_column(String(1024))
    etag: Mapped[str] = mapped_column(String(255), default="")
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    #: the probe of the result, as `app.media.facts.Probe` dumps it
    probe: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)

    error_code: Mapped[str | None] = mapped_column(String(CODE_MAX_CHARS))
    error_category: Mapped[str | None] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(String(ERROR_MESSAGE_MAX_CHARS))

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
