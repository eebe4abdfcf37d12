"""Sandbox accounts and their tokens."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.core import ids

KEPT_TOKENS = 8


@dataclass(frozen=True)
class AccountOptions:
    """The options of an account; every field may be set by the control API."""

    username: str = ""
    private: bool = False
    audited: bool | None = None
    login_type: str = "facebook"
    token_seconds: float = 0
    token_age_seconds: float = 0
    refresh_token_seconds: float = 31_536_000
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    banned: bool = False
    max_video_post_duration_sec: int = 600
    has_channel: bool = True
    long_uploads: bool = True
    phone_verified: bool = True
    hide_counts: bool = False


@dataclass
class Token:
    """A token as the platform stores it; `expires_at` None means that it never expires."""

    value: str
    account: "Account"
    issued_at: datetime
    expires_at: datetime | None
    scopes: frozenset[str]

    def is_expired(self, now: datetime) -> bool:
        """Return whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass
class Account:
    """One account on one platform."""

    id: str
    platform: str
    options: AccountOptions
    scopes: frozenset[str]
    revoked: bool = False
    access_tokens: list[Token] = field(default_factory=list)
    refresh_tokens: list[Token] = field(default_factory=list)

    @property
    def username(self) -> str:
        """Return the name shown to people."""
        return self.options.username


class AccountBook:
    """Accounts by id and by token, guarded by a lock of its own.

    `save` is called with all accounts after each change.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        save: Callable[[Iterable[Account]], None] = lambda accounts: None,
    ) -> None:
        self._lock = threading.RLock()
        self._save = save
        self._by_id = {account.id: account for account in accounts}
        known = self._by_id.values()
        self._access = {one.value: one for account in known for one in account.access_tokens}
        self._refresh = {one.value: one for account in known for one in account.refresh_tokens}

    def add(self, account: Account) -> None:
        """Add a new account."""
        with self._changing():
            self._by_id[account.id] = account

    def get(self, account_id: str) -> Account | None:
        """Return the account with this id."""
        with self._lock:
            return self._by_id.get(account_id)

    def all(self) -> list[Account]:
        """Return every account, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def issue_access(
        self, account: Account, now: datetime, seconds: float | None, prefix: str
    ) -> Token:
        """Issue a new access token; older ones stay valid until they expire."""
        return self._issue(self._access, account.access_tokens, account, now, seconds, prefix)

    def issue_refresh(
        self, account: Account, now: datetime, seconds: float | None, prefix: str
    ) -> Token:
        """Issue a new refresh token."""
        return self._issue(self._refresh, account.refresh_tokens, account, now, seconds, prefix)

    def _issue(
        self,
        index: dict[str, Token],
        owned: list[Token],
        account: Account,
        now: datetime,
        seconds: float | None,
        prefix: str,
    ) -> Token:
        expires_at = None if seconds is None else now + timedelta(seconds=seconds)
        token = Token(prefix + ids.secret(48), account, now, expires_at, account.scopes)
        with self._changing():
            index[token.value] = token
            owned.append(token)
            while len(owned) > KEPT_TOKENS:
                index.pop(owned.pop(0).value, None)
        return token

    def access(self, value: str | None) -> Token | None:
        """Return the access token with this value, expired or not."""
        with self._lock:
            return self._access.get(value or "")

    def refresh(self, value: str | None) -> Token | None:
        """Return the refresh token with this value."""
        with self._lock:
            return self._refresh.get(value or "")

    def drop_refresh(self, token: Token) -> bool:
        """Invalidate a refresh token; return False when another call was first."""
        with self._changing():
            if self._refresh.pop(token.value, None) is None:
                return False
            token.account.refresh_tokens.remove(token)
            return True

    def expire_access(self, account: Account, now: datetime) -> None:
        """Expire every access token of the account now."""
        with self._changing():
            for token in account.access_tokens:
                token.expires_at = now

    def revoke(self, account: Account) -> None:
        """Disconnect the app, as a user can in the platform's settings."""
        with self._changing():
            account.revoked = True
            for token in account.refresh_tokens:
                self._refresh.pop(token.value, None)
            account.refresh_tokens.clear()

    def clear(self) -> None:
        """Delete every account."""
        with self._changing():
            self._by_id.clear()
            self._access.clear()
            self._refresh.clear()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self._save(self._by_id.values())
