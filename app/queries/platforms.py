"""Reads the platforms as a user sees them: rules, accounts, limits, next possible start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.limits.forecast import forecast
from app.models import Account
from app.platforms import PLATFORMS, Platform
from app.priorities import DEFAULT_PRIORITY
from app.queries.accounts import all_accounts, reconnect_sentence
from app.queries.gates import read_gates
from app.queries.limits import LimitUse, account_uses, platform_uses
from app.states import AccountState


@dataclass(frozen=True)
class NextPost:
    """When a post created now would start, None for unknown; `reason` is why not at once."""

    begins_at: datetime | None
    reason: str | None


@dataclass(frozen=True)
class AccountLimits:
    """An account, the use of its limits, and when its next post would start."""

    account: Account
    uses: Sequence[LimitUse]
    next_post: NextPost


@dataclass(frozen=True)
class PlatformView:
    """A platform, its limits, and the user's accounts on it; `paused_at` None: not paused."""

    platform: str
    rules: Platform
    paused_at: datetime | None
    uses: Sequence[LimitUse]
    accounts: Sequence[AccountLimits]


def view_platforms(user_id: str, now: datetime) -> list[PlatformView]:
    """Return every platform as a user sees it."""
    accounts = all_accounts(user_id)
    uses = account_uses(accounts, now)
    gates = read_gates(now)
    return [
        PlatformView(
            name,
            rules,
            gates[name].paused_at,
            platform_uses(name, now),
            [
                AccountLimits(account, uses[account.id], _next_post(account, now))
                for account in accounts
                if account.platform == name
            ],
        )
        for name, rules in PLATFORMS.items()
    ]


def _next_post(account: Account, now: datetime) -> NextPost:
    if account.state is not AccountState.ACTIVE:
        return NextPost(None, reconnect_sentence(account.state_reason))
    expected = forecast(account.platform, account.id, DEFAULT_PRIORITY, now, now)
    return NextPost(expected.begins_at, expected.hold.failure.message if expected.hold else None)
