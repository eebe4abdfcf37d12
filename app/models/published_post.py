"""Posts that are live on a platform."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.ids import new_id
from app.models.base import Base, UtcDateTime

#: A post has statistics worth reading only after a while.
FIRST_COUNT_AFTER = timedelta(minutes=15)


def _first_count_at() -> datetime:
    return utcnow() + FIRST_COUNT_AFTER


class PublishedPost(Base):
    """One post; the unique job id makes it impossible to record two posts of one job."""

    __tablename__ = "published_posts"
    __table_args__ = (
        Index("ix_published_posts_user_id_platform", "user_id", "platform"),
        Index("ix_published_posts_user_id_id", "user_id", "id"),
        Index("ix_published_posts_video_id", "video_id"),
        Index(
            "ix_published_posts_account_id_count_at",
            "account_id",
            "count_at",
            postgresql_where=text("count_at IS NOT NULL"),
            sqlite_where=text("count_at IS NOT NULL"),
        ),
        Index("ix_published_posts_platform_platform_post_id", "platform", "platform_post_id"),
        Index(
            "ix_published_posts_follow_up_at",
            "follow_up_at",
            postgresql_where=text("follow_up_at IS NOT NULL"),
            sqlite_where=text("follow_up_at IS NOT NULL"),
        ),
        Index(
            "ix_published_posts_count_at",
            "platform",
            "count_at",
            postgresql_where=text("count_at IS NOT NULL"),
            sqlite_where=text("count_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    #: no foreign key: jobs are deleted after their retention, posts never
    job_id: Mapped[str] = mapped_column(String(26), unique=True)
    user_id: Mapped[str] = mapped_column(String(128))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.id"))
    platform: Mapped[str] = mapped_column(String(16))
    #: None while, or where, the platform does not report it
    platform_post_id: Mapped[str | None] = mapped_column(String(255))
    url: Mapped[str | None] = mapped_column(String(1000))
    caption: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # None: not reported by the platform.
    views: Mapped[int | None] = mapped_column(BigInteger)
    likes: Mapped[int | None] = mapped_column(BigInteger)
    comments: Mapped[int | None] = mapped_column(BigInteger)
    shares: Mapped[int | None] = mapped_column(BigInteger)
    #: when these numbers were last read
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when to read them next; None: the post is too old
    count_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=_first_count_at)
    #: when to follow up on a missing id or link, or the video's state; None: nothing is missing
    follow_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
