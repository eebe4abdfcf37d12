"""Accounts whose owner must connect them again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.database.transaction import transaction
from app.failures import Failure
from app.models import Account
from app.models.account import STATE_REASON_MAX_CHARS
from app.publishing import outbox
from app.queues import wake_delivery
from app.states import AccountState


def require_reconnect(
    account_id: str, failure: Failure, now: datetime, *, refused_token: str
) -> None:
    """Mark an account whose tokens no longer work, and notify the back end once.

    Does nothing where the account has another access token by now: it was connected again, or
    disconnected, while the platform refused the old one.
    """
    with transaction() as session:
        account = session.scalars(
            select(Account)
            .where(Account.id == account_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if account.state is AccountState.RECONNECT_REQUIRED:
            return
        if account.access_token != refused_token:
            return
        account.state = AccountState.RECONNECT_REQUIRED
        account.state_reason = failure.message[:STATE_REASON_MAX_CHARS]
        outbox.notify_reconnect(session, account, failure, now)
    wake_delivery()
