"""Connecting accounts without a consent page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sandbox.core.accounts import Account, AccountOptions, Token
from sandbox.core.clock import iso
from sandbox.core.world import World


@dataclass(frozen=True)
class AccountKind:
    """How one platform names its accounts and tokens; no `refresh_prefix`, no refresh tokens."""

    platform: str
    new_id: Callable[[], str]
    scopes: Callable[[AccountOptions], tuple[str, ...]]
    access_prefix: str
    refresh_prefix: str | None
    token_seconds: float


def connect(
    world: World, kind: AccountKind, options: AccountOptions, scopes: Iterable[str] | None
) -> dict[str, Any]:
    """Create an account; return a body for the service's `PUT /api/accounts/{platform}`."""
    account = make_account(world, kind, options, scopes)
    seconds = account.options.token_seconds
    issued_at = world.clock.now() - timedelta(seconds=options.token_age_seconds)
    access = world.accounts.issue_access(account, issued_at, seconds, kind.access_prefix)
    refresh = None
    if kind.refresh_prefix is not None:
        lifetime = options.refresh_token_seconds
        refresh = world.accounts.issue_refresh(account, issued_at, lifetime, kind.refresh_prefix)
    return _connection(account, access, refresh)


def make_account(
    world: World, kind: AccountKind, options: AccountOptions, scopes: Iterable[str] | None
) -> Account:
    """Create an account without tokens; by default with every scope."""
    account_id = kind.new_id()
    username = options.username or f"{kind.platform.lower()}_{account_id[-6:].lower()}"
    seconds = options.token_seconds or kind.token_seconds
    options = replace(options, username=username, token_seconds=seconds)
    granted = frozenset(kind.scopes(options) if scopes is None else scopes)
    account = Account(account_id, kind.platform, options, granted)
    world.accounts.add(account)
    return account


def _connection(account: Account, access: Token, refresh: Token | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "accessToken": access.value,
        "expiresAt": iso(access.expires_at) if access.expires_at else None,
        "platformUserId": account.id,
        "username": account.username,
        "scopes": sorted(account.scopes),
    }
    if refresh is not None:
        fields["refreshToken"] = refresh.value
    if account.platform == "INSTAGRAM":
        fields["loginType"] = account.options.login_type
    return fields
