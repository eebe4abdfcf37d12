"""What a platform says of how long an account's videos may be."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from app.models import Account
from app.publishing.transaction import transaction


def learn_limit(account_id: str, video_max_seconds: int, now: datetime) -> None:
    """Keep an account's own limit, as the platform has just told it."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id)
            .values(video_max_seconds=video_max_seconds, video_max_told_at=now)
        )
