"""Reads the platforms as a user sees them: rules, accounts, limits, next possible start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.limits.forecast import Forecast, forecast
from app.models import Account
from app.platforms import PLATFORMS, Platform
from app.priorities import DEFAULT_PRIORITY
from app.queries.accounts import all_accounts
from app.queries.gates import read_gates
from app.queries.limits import LimitUse, account_uses, platform_uses


@dataclass(frozen=True)
class AccountLimits:
    """An account, the use of its limits, and when a post created now would start."""

    account: Account
    uses: Sequence[LimitUse]
    next_post: Forecast


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
                AccountLimits(
                    account,
                    uses[account.id],
                    forecast(name, account.id, DEFAULT_PRIORITY, now, now),
                )
                for account in accounts
                if account.platform == name
            ],
        )
        for name, rules in PLATFORMS.items()
    ]
