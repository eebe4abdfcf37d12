"""The lease by which one worker alone refreshes an account's tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, update

from app.clock import utcnow
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.models import Account


def take(account_id: str, until: datetime) -> bool:
    """Take the lease until a time; return False while another worker holds it."""
    with transaction() as session:
        taken = session.execute(
            update(Account)
            .where(
                Account.id == account_id,
                or_(Account.refreshing_until.is_(None), Account.refreshing_until < utcnow()),
            )
            .values(refreshing_until=until)
            .execution_options(synchronize_session=False)
        )
    return rows_changed(taken) == 1


def end(account_id: str, lease_until: datetime) -> None:
    """End our own lease; if it has expired, another worker may hold one by now."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id, Account.refreshing_until == lease_until)
            .values(refreshing_until=None)
            .execution_options(synchronize_session=False)
        )
