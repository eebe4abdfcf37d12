"""An account's own limit on the length of videos, as its platform reports it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, select, update

from app.database.transaction import transaction
from app.models import Account

#: Limits grow with the account, so an older report is not trusted.
LIMIT_TTL = timedelta(hours=24)
# Not the mapped class, which would decrypt the tokens.
_ACCOUNTS = cast(Table, Account.__table__)
_LIMIT_OF = select(_ACCOUNTS.c.video_max_seconds, _ACCOUNTS.c.video_max_told_at).where(
    _ACCOUNTS.c.id == bindparam("account_id")
)


def store_video_limit(account_id: str, video_max_seconds: int, now: datetime) -> None:
    """Store an account's own limit, in seconds, as the platform has just reported it."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id)
            .values(video_max_seconds=video_max_seconds, video_max_told_at=now)
        )


def known_video_limit(account_id: str, now: datetime) -> int | None:
    """Read an account's own limit in seconds; None without a recent report."""
    with transaction() as session:
        max_seconds, reported_at = session.execute(_LIMIT_OF, {"account_id": account_id}).one()
    return limit_at(max_seconds, reported_at, now)


def limit_at(max_seconds: int | None, reported_at: datetime | None, now: datetime) -> int | None:
    """Return an account's own limit in seconds; None without a recent report."""
    return max_seconds if reported_at is not None and now - reported_at <= LIMIT_TTL else None
