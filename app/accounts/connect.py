"""Connecting and reconnecting accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from app.accounts.renewal import renewal_time
from app.database.transaction import transaction
from app.models import Account
from app.states import AccountState, LoginType


@dataclass(frozen=True)
class Connection:
    """The result of a user's consent on a platform.

    `refresh_token` and `username` may be unknown: None keeps the stored value.
    """

    user_id: str
    platform: str
    platform_user_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    username: str | None = None
    login_type: LoginType = LoginType.ONLY
    scopes: tuple[str, ...] = ()


def connect_account(connection: Connection, now: datetime) -> tuple[Account, bool]:
    """Store the account; return it and whether it is new to the user.

    A known account, even a deleted one, gets the new tokens and becomes active under the same id.
    """
    try:
        return _connect(connection, now)
    except IntegrityError:
        # The account was connected concurrently, so now there is a row to update.
        return _connect(connection, now)


def _connect(connection: Connection, now: datetime) -> tuple[Account, bool]:
    with transaction() as session:
        account = _find(session, connection)
        is_new = account is None or account.deleted_at is not None
        if account is None:
            account = Account(
                user_id=connection.user_id,
                platform=connection.platform,
                platform_user_id=connection.platform_user_id,
                created_at=now,
            )
            session.add(account)
        _fill(account, connection, now)
    return account, is_new


def _find(session: Session, connection: Connection) -> Account | None:
    query = select(Account).where(
        Account.user_id == connection.user_id,
        Account.platform == connection.platform,
        Account.platform_user_id == connection.platform_user_id,
    )
    # Do not read the old tokens: perhaps no key decrypts them any more, which reconnecting fixes.
    unread = query.options(defer(Account.access_token), defer(Account.refresh_token))
    return session.scalars(unread.with_for_update()).one_or_none()


def _fill(account: Account, connection: Connection, now: datetime) -> None:
    account.access_token = connection.access_token
    # Google issues a refresh token at the first consent only, so keep it on later ones.
    if connection.refresh_token is not None:
        account.refresh_token = connection.refresh_token
    if connection.username is not None:
        account.username = connection.username
    account.expires_at = connection.expires_at
    account.login_type = connection.login_type
    account.scopes = list(connection.scopes)
    account.state = AccountState.ACTIVE
    account.state_reason = ""
    account.renew_at = renewal_time(connection.login_type, connection.expires_at, now, is_new=False)
    account.refreshing_until = None
    account.video_max_seconds = account.video_max_told_at = None
    account.deleted_at = None
    account.updated_at = now
