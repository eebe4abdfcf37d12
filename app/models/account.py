"""A connected platform account of a user, with its tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.ids import new_id
from app.models.base import Base, EncryptedText, JsonColumn, UtcDateTime, values_of
from app.states import AccountState, LoginType

#: Longer reasons are cut.
STATE_REASON_MAX_CHARS = 500
#: Tokens of Instagram Login are renewed ahead of time: an expired one cannot be renewed.
RENEWABLE = text("login_type = 'instagram' AND state = 'active' AND deleted_at IS NULL")
#: Connected accounts that their owner must connect again.
TO_RECONNECT = text("state = 'reconnect_required' AND deleted_at IS NULL")


class Account(Base):
    """One account on one platform.

    A disconnected account keeps its row, without tokens, since jobs and posts refer to it;
    connecting it again revives the row.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("user_id", "platform", "platform_user_id"),
        Index(
            "ix_accounts_to_reconnect",
            "id",
            postgresql_where=TO_RECONNECT,
            sqlite_where=TO_RECONNECT,
        ),
        Index("ix_accounts_username", "username"),
        Index(
            "ix_accounts_renewable",
            "renew_at",
            postgresql_where=RENEWABLE,
            sqlite_where=RENEWABLE,
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(128))
    platform: Mapped[str] = mapped_column(String(16))
    platform_user_id: Mapped[str] = mapped_column(String(255))
    username: Mapped[str] = mapped_column(String(255), default="")
    login_type: Mapped[LoginType] = mapped_column(values_of(LoginType), default=LoginType.ONLY)
    scopes: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    access_token: Mapped[str | None] = mapped_column(EncryptedText)
    refresh_token: Mapped[str | None] = mapped_column(EncryptedText)
    #: when the access token expires; None where the platform named no time
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[AccountState] = mapped_column(
        values_of(AccountState), default=AccountState.ACTIVE
    )
    #: why it must be connected again, for a person
    state_reason: Mapped[str] = mapped_column(String(STATE_REASON_MAX_CHARS), default="")
    #: when to renew the token, for those that are renewed ahead of time
    renew_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: until when one worker holds the lease to refresh the token
    refreshing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: the longest video the platform accepts from it, as last reported; None: never reported
    video_max_seconds: Mapped[int | None]
    video_max_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
