"""Access tokens: valid ones for the handlers, refreshed by one worker at a time per account."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.engine import CursorResult

from app.accounts.renewal import INSTAGRAM_LOGIN, RENEW_WHEN_LEFT, renewal_time
from app.clock import utcnow
from app.crypto import UndecryptableError
from app.database.engine import AWAY
from app.database.transaction import transaction
from app.failures import Failure
from app.models import Account
from app.platforms import PLATFORMS
from app.publishing.reconnecting import require_reconnect
from app.states import AccountState
from workers.errors import (
    KEY_HINT,
    AccountRefused,
    KeyMissing,
    PublishError,
    RateLimited,
    TokenExpired,
)
from workers.platforms.base import Access, Handler, Tokens, Upload

logger = logging.getLogger(__name__)
#: A token that lives this long is still good for a run whose refresh ahead of time failed.
LAST_USE = timedelta(minutes=2)
#: For how long one worker alone may be refreshing, and how long the others wait for it.
REFRESH_LEASE = timedelta(seconds=90)
WAIT_SECONDS = 5.0
#: How long a post is put off, without using an attempt, when the wait was in vain.
BUSY_PAUSE = timedelta(seconds=5)
#: For how long fresh tokens are held while the database does not take them.
STORE_SECONDS = 60.0
LOOK_SECONDS = 0.25
_ACCOUNT = select(Account).where(Account.id == bindparam("account_id"))


@dataclass(frozen=True)
class Held:
    """An account's tokens as they are now. `access` is None where there is no token."""

    access: Access
    refresh_token: str | None
    expires_at: datetime | None
    platform: str


def access_for(handler: Handler[Upload], account_id: str) -> Access:
    """Return a token that is good for the next minutes, refreshing it first where need be.

    Raises `AccountRefused` when the account is gone or must be connected again, `KeyMissing` when
    its tokens cannot be read, and whatever the refresh raises.
    """
    held = _read(account_id)
    now = utcnow()
    if _is_fresh(held, now):
        return held.access
    try:
        return refresh(handler, account_id, stale_token=held.access.token)
    except AccountRefused:
        raise
    except PublishError as error:
        if held.expires_at is None or held.expires_at - now < LAST_USE:
            raise
        # It was only to be renewed ahead of time: a refresh that fails costs no post.
        logger.warning("token of account %s not renewed ahead: %s", account_id, error.code)
        return held.access


def refresh(handler: Handler[Upload], account_id: str, *, stale_token: str) -> Access:
    """Replace a token that is, or is about to be, worthless; returns at once when another
    worker has already replaced it. The new tokens are stored before they are used.
    """
    turn = _wait_for_turn(account_id, stale_token)
    if turn is None:
        return _read(account_id).access
    try:
        # Read again: another worker's turn may have ended between our look and our turn.
        held = _read(account_id)
        if held.access.token != stale_token:
            return held.access
        fresh = handler.refresh(held.access, held.refresh_token)
        return _store_surely(account_id, fresh, held.access)
    except AccountRefused as error:
        tell_refused(account_id, stale_token, error)
        raise
    finally:
        _end_turn(account_id, turn)


def renew(handler: Handler[Upload], account_id: str) -> None:
    """Replace a token that is still good, by the calendar. Raises as `access_for`."""
    refresh(handler, account_id, stale_token=_read(account_id).access.token)


def tell_refused(account_id: str, token: str, error: AccountRefused) -> None:
    """Mark the account for connecting again where the refusal of this token asks for it."""
    if error.reconnect:
        failure = Failure(error.code, error.category.value, error.detail, error.hint)
        require_reconnect(account_id, failure, utcnow(), refused_token=token)


def refused_young(error: TokenExpired) -> AccountRefused:
    """Return the error for a token that was just renewed and is refused all the same."""
    return AccountRefused(
        error.code,
        "the platform refuses a token that was just renewed",
        hint="Connect the account again",
        reconnect=True,
    )


def _wait_for_turn(account_id: str, stale_token: str) -> datetime | None:
    """Take the account's turn and return its end; None: another worker replaced the token."""
    deadline = time.monotonic() + WAIT_SECONDS
    while _read(account_id).access.token == stale_token:
        turn = utcnow() + REFRESH_LEASE
        if _take_turn(account_id, turn):
            return turn
        if time.monotonic() > deadline:
            # Whoever has the turn may be dead: waiting for its end is no fault of this post.
            raise RateLimited(
                "token_refresh_busy",
                "the account's token is being refreshed",
                retry_at=utcnow() + BUSY_PAUSE,
            )
        time.sleep(LOOK_SECONDS)
    return None


def _is_fresh(held: Held, now: datetime) -> bool:
    if held.expires_at is None:
        return True
    if held.platform != "INSTAGRAM":
        return held.expires_at - now > PLATFORMS[held.platform].token_margin
    if held.access.login_type != INSTAGRAM_LOGIN:
        return True  # no refresh exists; the platform itself says when it is over
    return held.expires_at - now > RENEW_WHEN_LEFT


def _read(account_id: str) -> Held:
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
        login_type=account.login_type,
        scopes=frozenset(account.scopes),
    )
    return Held(access, account.refresh_token, account.expires_at, account.platform)


def _disconnected() -> AccountRefused:
    return AccountRefused(
        "account_disconnected",
        "the account is no longer connected",
        hint="Connect the account again",
    )


def _take_turn(account_id: str, until: datetime) -> bool:
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
    assert isinstance(taken, CursorResult)
    return taken.rowcount == 1


def _end_turn(account_id: str, turn: datetime) -> None:
    """End our own turn; one that took too long may be another worker's by now."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id, Account.refreshing_until == turn)
            .values(refreshing_until=None)
            .execution_options(synchronize_session=False)
        )


def _store_surely(account_id: str, tokens: Tokens, old: Access) -> Access:
    """Store the tokens though the database is away for a moment.

    A platform that rotates refresh tokens has just ended the old one: if the new one is lost, so
    is the account.
    """
    deadline = time.monotonic() + STORE_SECONDS
    while True:
        try:
            return _store(account_id, tokens, old)
        except AWAY as exc:
            if time.monotonic() > deadline:
                raise
            logger.warning("fresh tokens not stored yet: %s", type(exc).__name__)
            time.sleep(LOOK_SECONDS)


def _store(account_id: str, tokens: Tokens, old: Access) -> Access:
    """Store both tokens in one write: a rotated refresh token must never be lost."""
    with transaction() as session:
        account = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
        if account.access_token is None:
            raise _disconnected()  # meanwhile: what its owner took away is not put back
        if account.access_token != old.token:
            # Connected again meanwhile: the owner's new tokens are newer than ours.
            return replace(old, token=account.access_token or "", scopes=frozenset(account.scopes))
        account.access_token = tokens.access_token
        account.expires_at = tokens.expires_at
        account.renew_at = renewal_time(account.login_type, tokens.expires_at, utcnow())
        if tokens.refresh_token is not None:
            account.refresh_token = tokens.refresh_token
        if tokens.scopes is not None:
            account.scopes = sorted(tokens.scopes)
        scopes = frozenset(account.scopes)
    return replace(old, token=tokens.access_token, scopes=scopes)
