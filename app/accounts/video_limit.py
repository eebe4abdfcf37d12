"""What a platform says of how long an account's videos may be."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from app.database.transaction import transaction
from app.models import Account

#: Accounts grow: what a platform said longer ago is asked again.
TOLD_FOR = timedelta(hours=24)


def learn_limit(account_id: str, video_max_seconds: int, now: datetime) -> None:
    """Keep an account's own limit, as the platform has just told it."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id)
            .values(video_max_seconds=video_max_seconds, video_max_told_at=now)
        )


def limit_at(max_seconds: int | None, told_at: datetime | None, now: datetime) -> int | None:
    """Return an account's own limit in seconds; None where the platform has not told it of late."""
    return max_seconds if told_at is not None and now - told_at <= TOLD_FOR else None
