"""Disconnecting accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from app.database.results import rows_changed
from app.database.transaction import transaction
from app.models import Account
from app.states import AccountState


def disconnect_account(user_id: str, account_id: str, now: datetime) -> bool:
    """Erase an account's tokens and hide it; return whether the user had such an account.

    The row stays, since jobs and posts refer to it. Jobs yet to run fail with an `account` error,
    unless the account is reconnected first.
    """
    with transaction() as session:
        erased = session.execute(
            update(Account)
            .where(
                Account.id == account_id,
                Account.user_id == user_id,
                Account.deleted_at.is_(None),
            )
            .values(
                access_token=None,
                refresh_token=None,
                expires_at=None,
                scopes=[],
                state=AccountState.RECONNECT_REQUIRED,
                state_reason="The account was disconnected.",
                refreshing_until=None,
                updated_at=now,
                deleted_at=now,
            )
            .execution_options(synchronize_session=False)
        )
    return rows_changed(erased) == 1
