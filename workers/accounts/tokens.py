"""Valid access tokens for the handlers, refreshed by one worker at a time per account."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.clock import utcnow
from app.platforms import PLATFORMS
from app.publishing.reconnecting import require_reconnect
from app.states import LoginType
from workers.accounts import refresh_lease
from workers.accounts.refresh_lease import RefreshLease
from workers.accounts.stored_tokens import StoredTokens, read_tokens, store_tokens
from workers.errors import AccountRefused, PublishError, RateLimited, TokenExpired
from workers.platforms.base import Access, Handler, Upload

logger = logging.getLogger(__name__)
#: A token due for its refresh is still used for at least this long: if the refresh fails, or if
#: another worker has just stored it.
USABLE_LIFETIME = timedelta(minutes=2)
#: Lease of the worker that refreshes, and how long others wait for it.
REFRESH_LEASE = timedelta(seconds=90)
WAIT_SECONDS = 5.0
#: How long a refusal is doubted if the lease before ours was never ended.
OVERTAKEN_SECONDS = 20.0
#: Pause of a post that could not get the refresh lease; it costs no attempt.
BUSY_PAUSE = timedelta(seconds=5)
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Renewal:
    """What to use in place of a stale token.

    `is_new` is False if another worker had replaced it: only the platform knows whether that one
    is still valid.
    """

    access: Access
    is_new: bool


def access_for(handler: Handler[Upload], account_id: str) -> Access:
    """Return a token that is valid for the next minutes, refreshing it first if needed.

    Raises `AccountRefused` if the account is gone or must be connected again, `KeyMissing` if its
    tokens cannot be decrypted, and whatever the refresh raises.
    """
    stored = read_tokens(account_id)
    now = utcnow()
    if _is_fresh(stored, now):
        return stored.access
    try:
        return refresh(handler, account_id, stale_token=stored.access.token).access
    except PublishError as error:
        if (isinstance(error, AccountRefused) and error.reconnect) or not _is_usable(stored, now):
            raise
        # It was refreshed early and is still valid, so the failure costs no post.
        logger.warning("token of account %s not refreshed early: %s", account_id, error.code)
    return read_tokens(account_id).access  # unless the account was disconnected meanwhile


def refresh(handler: Handler[Upload], account_id: str, *, stale_token: str) -> Renewal:
    """Replace an invalid or expiring token, and return the new one.

    If another worker has already replaced it, returns that one's at once, unless it is about to
    expire too. New tokens are stored before they are used. Raises what the handler's refresh
    raises, and `RateLimited` while another worker is refreshing.
    """
    lease = _wait_for_lease(account_id, stale_token)
    if isinstance(lease, Access):
        return Renewal(lease, is_new=False)
    try:
        # Read again: another worker may have finished between our read and our lease.
        stored = read_tokens(account_id)
        if _replaces(stored, stale_token):
            return Renewal(stored.access, is_new=False)
        stale_token = stored.access.token
        fresh = handler.refresh(stored.access, stored.refresh_token)
        access = store_tokens(account_id, fresh, stored.access)
        return Renewal(access, is_new=access.token == fresh.access_token)
    except AccountRefused as error:
        if _is_replaced_soon(account_id, stale_token, OVERTAKEN_SECONDS if lease.overtakes else 0):
            return Renewal(read_tokens(account_id).access, is_new=False)
        record_refusal(account_id, stale_token, error)
        raise
    finally:
        refresh_lease.end(lease)


def renew(handler: Handler[Upload], account_id: str) -> None:
    """Replace a token that is still valid, on schedule. Raises as `access_for`."""
    refresh(handler, account_id, stale_token=read_tokens(account_id).access.token)


def record_refusal(account_id: str, token: str, error: AccountRefused) -> None:
    """Require the account to be reconnected, if the refusal of this token means that."""
    if error.reconnect:
        require_reconnect(account_id, error.as_failure(), utcnow(), refused_token=token)


def refused_after_refresh(error: TokenExpired) -> TokenExpired:
    """Return the error for a token that is refused although it was just refreshed.

    Nothing is wrong with the account, whose tokens the platform renews: the next attempt may
    succeed.
    """
    return TokenExpired(
        error.code,
        "the platform refuses a token that was just refreshed",
        hint="Retry it later; if that fails too, connect the account again",
    )


def _wait_for_lease(account_id: str, stale_token: str) -> RefreshLease | Access:
    """Take the refresh lease; or return what another worker has replaced the token by."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not _replaces(stored := read_tokens(account_id), stale_token):
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
    return stored.access


def _replaces(stored: StoredTokens, stale_token: str) -> bool:
    return stored.access.token != stale_token and _is_usable(stored, utcnow())


def _is_replaced_soon(account_id: str, stale_token: str, seconds: float) -> bool:
    """Return whether a refused token has been replaced, or is within some seconds.

    Its owner may have connected the account again. And the holder of a lease that expired may have
    got fresh tokens just before the database was away: then the platform refuses us the old ones.
    """
    deadline = time.monotonic() + seconds
    while read_tokens(account_id).access.token == stale_token:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_fresh(stored: StoredTokens, now: datetime) -> bool:
    margin = _margin(stored)
    if stored.expires_at is None or margin is None:
        return True  # the platform says when it is invalid
    return stored.expires_at - now > margin


def _is_usable(stored: StoredTokens, now: datetime) -> bool:
    if stored.expires_at is None or _margin(stored) is None:
        return True
    return stored.expires_at - now >= USABLE_LIFETIME


def _margin(stored: StoredTokens) -> timedelta | None:
    """Return how long before its end a token is refreshed; None if it cannot be."""
    return PLATFORMS[stored.platform].token_margins.get(LoginType(stored.access.login_type))
