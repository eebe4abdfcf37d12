"""An account's tokens in the database: read for a run, and stored as soon as they are refreshed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, select

from app.accounts.renewal import renewal_time
from app.causes import why
from app.clock import utcnow
from app.crypto import UndecryptableError
from app.database.engine import AWAY
from app.database.transaction import transaction
from app.models import Account
from app.states import AccountState
from workers.errors import KEY_HINT, AccountRefused, KeyMissing
from workers.platforms.base import Access, Tokens
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
#: How long a stopping process keeps trying to store new tokens, which would be lost with it.
LAST_STORE_SECONDS = 20.0
RETRY_SECONDS = 0.25
_ACCOUNT = select(Account).where(Account.id == bindparam("account_id"))


@dataclass(frozen=True)
class StoredTokens:
    """An account's tokens as stored; `refresh_token` and `expires_at` are None if it has none."""

    access: Access
    refresh_token: str | None
    expires_at: datetime | None
    platform: str


def read_tokens(account_id: str) -> StoredTokens:
    """Return an account's tokens as stored.

    Raises `AccountRefused` if the account is gone or must be connected again, `KeyMissing` if no
    key decrypts its tokens.
    """
    fresh = {"populate_existing": True}
    try:
        with transaction() as session:
            found = session.scalars(_ACCOUNT, {"account_id": account_id}, execution_options=fresh)
            account = found.one()
    except UndecryptableError as exc:
        raise KeyMissing(
            "tokens_unreadable", "the account's tokens cannot be decrypted", hint=KEY_HINT
        ) from exc
    if account.deleted_at is not None or account.access_token is None:
        raise _disconnected()
    if account.state is AccountState.RECONNECT_REQUIRED:
        raise AccountRefused(
            "reconnect_required",
            account.state_reason or "the account must be connected again",
            hint="Connect the account again",
        )
    access = Access(
        token=account.access_token,
        platform_user_id=account.platform_user_id,
        username=account.username,
        login_type=account.login_type.value,
        scopes=frozenset(account.scopes),
    )
    return StoredTokens(access, account.refresh_token, account.expires_at, account.platform)


def store_tokens(account_id: str, tokens: Tokens, old: Access) -> Access:
    """Store new tokens, retrying while the database is away, for as long as this process lives.

    Returns the access to use: with the new token, or with its owner's, who has connected the
    account again meanwhile; `old` has the one that was refreshed.
    A platform that rotates refresh tokens has just revoked the old one: losing the new one would
    lose the account.
    """
    deadline, has_told = float("inf"), False
    while True:
        try:
            return _store(account_id, tokens, old)
        except AWAY as exc:
            if not has_told:
                logger.warning("fresh tokens not stored yet: %s", why(exc))
            has_told = True
            if stop_requested.is_set():
                deadline = min(deadline, time.monotonic() + LAST_STORE_SECONDS)
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def _store(account_id: str, tokens: Tokens, old: Access) -> Access:
    """Store both tokens in one transaction; return the access to use."""
    with transaction() as session:
        account = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
        if account.access_token is None:
            raise _disconnected()  # meanwhile: what its owner deleted must not come back
        if account.access_token != old.token:
            # Reconnected meanwhile: the owner's tokens are newer than ours.
            return replace(old, token=account.access_token or "", scopes=frozenset(account.scopes))
        if account.state is AccountState.RECONNECT_REQUIRED:
            # While these waited for the database, the platform refused the old ones to another
            # worker.
            account.state, account.state_reason = AccountState.ACTIVE, ""
        account.access_token = tokens.access_token
        account.expires_at = tokens.expires_at
        account.renew_at = renewal_time(account.login_type, tokens.expires_at, utcnow())
        if tokens.refresh_token is not None:
            account.refresh_token = tokens.refresh_token
        if tokens.scopes is not None:
            account.scopes = sorted(tokens.scopes)
        scopes = frozenset(account.scopes)
    return replace(old, token=tokens.access_token, scopes=scopes)


def _disconnected() -> AccountRefused:
    return AccountRefused(
        "account_disconnected",
        "the account is no longer connected",
        hint="Connect the account again",
    )
