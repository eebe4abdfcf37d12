"""The outbox: webhooks, stored in the transaction of the change they report."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.ids import new_id
from app.models.base import Base, UtcDateTime, values_of
from app.states import NotificationState

#: How long delivery is retried.
GIVE_UP_AFTER = timedelta(days=3)
#: Literal text, not a bound value: only so can the database use its partial index.
PENDING = text("state = 'pending'")


class Notification(Base):
    """One webhook; its id is the `webhook-id` of every delivery of it."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_due", "due_at", postgresql_where=PENDING, sqlite_where=PENDING),
        Index("ix_notifications_state_id", "state", "id"),
        Index("ix_notifications_subject_id_id", "subject_id", "id"),
        Index("ix_notifications_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    #: the job or account it is about; notifications of one subject are delivered in order
    subject_id: Mapped[str] = mapped_column(String(26))
    user_id: Mapped[str] = mapped_column(String(128))
    type: Mapped[str] = mapped_column(String(40))
    #: the body, byte for byte as it is signed and sent
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[NotificationState] = mapped_column(
        values_of(NotificationState), default=NotificationState.PENDING
    )
    deliveries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: a delivery that fails after this is not retried
    give_up_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=lambda: utcnow() + GIVE_UP_AFTER
    )
    last_error: Mapped[str | None] = mapped_column(String(200))
