"""Valid access tokens for the handlers, refreshed by one worker at a time per account."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from app.accounts.renewal import renewal_time
from app.clock import utcnow
from app.crypto import UndecryptableError
from app.database.engine import AWAY
from app.database.transaction import transaction
from app.failures import Failure
from app.models import Account
from app.platforms import PLATFORMS
from app.publishing.reconnecting import require_reconnect
from app.states import AccountState, LoginType
from workers.accounts import refresh_lease
from workers.accounts.refresh_lease import RefreshLease
from workers.errors import (
    KEY_HINT,
    AccountRefused,
    KeyMissing,
    PublishError,
    RateLimited,
    TokenExpired,
)
from workers.platforms.base import Access, Handler, Tokens, Upload
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
#: If an early refresh fails, a token that lives at least this long is still used.
USABLE_LIFETIME = timedelta(minutes=2)
#: Lease of the worker that refreshes, and how long others wait for it.
REFRESH_LEASE = timedelta(seconds=90)
WAIT_SECONDS = 5.0
#: How long a refusal is doubted if the lease before ours was never ended.
OVERTAKEN_SECONDS = 20.0
#: Pause of a post that could not get the refresh lease; it costs no attempt.
BUSY_PAUSE = timedelta(seconds=5)
#: How long a stopping process keeps trying to store new tokens, which would be lost with it.
LAST_STORE_SECONDS = 20.0
POLL_SECONDS = 0.25
_ACCOUNT = select(Account).where(Account.id == bindparam("account_id"))


@dataclass(frozen=True)
class StoredTokens:
    """An account's tokens as stored; `refresh_token` and `expires_at` are None if it has none."""

    access: Access
    refresh_token: str | None
    expires_at: datetime | None
    platform: str


def access_for(handler: Handler[Upload], account_id: str) -> Access:
    """Return a token that is valid for the next minutes, refreshing it first if needed.

    Raises `AccountRefused` if the account is gone or must be connected again, `KeyMissing` if its
    tokens cannot be decrypted, and whatever the refresh raises.
    """
    stored = _read(account_id)
    now = utcnow()
    if _is_fresh(stored, now):
        return stored.access
    try:
        return refresh(handler, account_id, stale_token=stored.access.token)
    except AccountRefused:
        raise
    except PublishError as error:
        if stored.expires_at is None or stored.expires_at - now < USABLE_LIFETIME:
            raise
        # It was refreshed early and is still valid, so the failure costs no post.
        logger.warning("token of account %s not refreshed early: %s", account_id, error.code)
        return stored.access


def refresh(handler: Handler[Upload], account_id: str, *, stale_token: str) -> Access:
    """Replace an invalid or expiring token, and return the new one.

    If another worker has already replaced it, returns that one's at once. New tokens are stored
    before they are used. Raises what the handler's refresh raises, and `RateLimited` while another
    worker is refreshing.
    """
    lease = _wait_for_lease(account_id, stale_token)
    if lease is None:
        return _read(account_id).access
    try:
        # Read again: another worker may have finished between our read and our lease.
        stored = _read(account_id)
        if stored.access.token != stale_token:
            return stored.access
        fresh = handler.refresh(stored.access, stored.refresh_token)
        return _store_patiently(account_id, fresh, stored.access)
    except AccountRefused as error:
        if lease.overtakes and _is_replaced(account_id, stale_token):
            return _read(account_id).access
        record_refusal(account_id, stale_token, error)
        raise
    finally:
        refresh_lease.end(lease)


def renew(handler: Handler[Upload], account_id: str) -> None:
    """Replace a token that is still valid, on schedule. Raises as `access_for`."""
    refresh(handler, account_id, stale_token=_read(account_id).access.token)


def record_refusal(account_id: str, token: str, error: AccountRefused) -> None:
    """Require the account to be reconnected, if the refusal of this token means that."""
    if error.reconnect:
        failure = Failure(error.code, error.category, error.detail, error.hint)
        require_reconnect(account_id, failure, utcnow(), refused_token=token)


def refused_after_refresh(error: TokenExpired) -> TokenExpired:
    """Return the error for a token that is refused although it was just refreshed.

    Nothing is wrong with the account, whose tokens the platform renews: the next attempt may do.
    """
    return TokenExpired(
        error.code,
        "the platform refuses a token that was just refreshed",
        hint="Retry it later; if that fails too, connect the account again",
    )


def _wait_for_lease(account_id: str, stale_token: str) -> RefreshLease | None:
    """Take the refresh lease; return None if another worker has replaced the token."""
    deadline = time.monotonic() + WAIT_SECONDS
    while _read(account_id).access.token == stale_token:
        lease = refresh_lease.take(account_id, REFRESH_LEASE)
        if lease is not None:
            return lease
        if time.monotonic() > deadline:
            # The holder may be dead; waiting for its lease to end is not this post's fault.
            raise RateLimited(
                "token_refresh_busy",
                "the account's token is being refreshed",
                retry_at=utcnow() + BUSY_PAUSE,
            )
        time.sleep(POLL_SECONDS)
    return None


def _is_replaced(account_id: str, stale_token: str) -> bool:
    """Return whether the holder of the lease before ours stores fresh tokens within a moment.

    It may have got them just before the database was away for longer than its lease: the platform
    then refuses the old ones to us.
    """
    deadline = time.monotonic() + OVERTAKEN_SECONDS
    while _read(account_id).access.token == stale_token:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_fresh(stored: StoredTokens, now: datetime) -> bool:
    margin = PLATFORMS[stored.platform].token_margins.get(LoginType(stored.access.login_type))
    if stored.expires_at is None or margin is None:
        return True  # the platform says when it is invalid
    return stored.expires_at - now > margin


def _read(account_id: str) -> StoredTokens:
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


def _disconnected() -> AccountRefused:
    return AccountRefused(
        "account_disconnected",
        "the account is no longer connected",
        hint="Connect the account again",
    )


def _store_patiently(account_id: str, tokens: Tokens, old: Access) -> Access:
    """Store the tokens, retrying while the database is away, for as long as this process lives.

    A platform that rotates refresh tokens has just revoked the old one: losing the new one would
    lose the account.
    """
    deadline, has_told = float("inf"), False
    while True:
        try:
            return _store(account_id, tokens, old)
        except AWAY as exc:
            if not has_told:
                logger.warning("fresh tokens not stored yet: %s", type(exc).__name__)
            has_told = True
            if stop_requested.is_set():
                deadline = min(deadline, time.monotonic() + LAST_STORE_SECONDS)
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


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
