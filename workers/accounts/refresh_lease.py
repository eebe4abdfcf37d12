"""The lease by which one worker alone refreshes an account's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import Account


@dataclass(frozen=True)
class RefreshLease:
    """A lease that we hold until a time, unless we end it before."""

    account_id: str
    until: datetime
    #: Whether it follows a lease that expired: that holder died, or may still have fresh tokens.
    overtakes: bool


def take(account_id: str, duration: timedelta) -> RefreshLease | None:
    """Take the lease; return None while another worker holds it."""
    now = utcnow()
    with transaction() as session:
        held_until = session.scalar(
            select(Account.refreshing_until).where(Account.id == account_id).with_for_update()
        )
        if held_until is not None and held_until >= now:
            return None
        lease = RefreshLease(account_id, now + duration, overtakes=held_until is not None)
        session.execute(
            update(Account)
            .where(Account.id == account_id)
            .values(refreshing_until=lease.until)
            .execution_options(synchronize_session=False)
        )
    return lease


def end(lease: RefreshLease) -> None:
    """End our own lease; if it has expired, another worker may hold one by now."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == lease.account_id, Account.refreshing_until == lease.until)
            .values(refreshing_until=None)
            .execution_options(synchronize_session=False)
        )
