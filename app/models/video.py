"""A video: one object in the store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.ids import new_id
from app.media.facts import Probe
from app.media.plan import PlatformPlan, plans_for
from app.models.base import Base, JsonColumn, UtcDateTime, values_of
from app.states import VideoState

#: Not uploaded yet, or unusable. SQLite uses the index only for this very text.
NOT_READY = text("state <> 'ready'")


class Video(Base):
    """An object in the store, and what the probe found in it.

    A deleted video keeps its row, since posts refer to it.
    """

    __tablename__ = "videos"
    __table_args__ = (
        Index("ix_videos_user_id_id", "user_id", "id"),
        Index("ix_videos_r2_key", "r2_key"),
        Index(
            "ix_videos_not_ready",
            "upload_expires_at",
            postgresql_where=NOT_READY,
            sqlite_where=NOT_READY,
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(128))
    #: the object's key in R2, or its path in the folder
    r2_key: Mapped[str] = mapped_column(String(1024))
    title: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[VideoState] = mapped_column(values_of(VideoState))
    #: why the object cannot be published, for a person
    state_reason: Mapped[str] = mapped_column(String(500), default="")
    #: the object came through a direct upload of this service, which may delete it
    is_upload: Mapped[bool] = mapped_column(default=False)
    #: when the signed upload expires
    upload_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    etag: Mapped[str] = mapped_column(String(255), default="")
    duration_seconds: Mapped[float | None]
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    format: Mapped[str | None] = mapped_column(String(32))
    resolution: Mapped[str | None] = mapped_column(String(16))
    #: the whole probe, as `app.media.facts.Probe` dumps it
    probe: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def plans(self) -> tuple[PlatformPlan, ...]:
        """What each platform would be sent; empty until it is probed."""
        return () if self.probe is None else plans_for(Probe.load(self.probe))
