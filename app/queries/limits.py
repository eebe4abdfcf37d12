"""Reads from the ledger how much of each limit is used, and when there is room again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.limits import gates, ledger
from app.limits.allowance import maximum_for
from app.limits.upload_slots import read_upload_slots
from app.limits.windows import pacific_day
from app.models import Account, Gate, LedgerEntry
from app.platforms import PLATFORMS, Limit
from app.queries.accounts import WITHOUT_TOKENS

#: The latest ledger entries, which are searched for recently active accounts.
RECENT_ENTRIES = 500


@dataclass(frozen=True)
class LimitUse:
    """A limit and its use; `used` is None where the use is not counted here.

    `resets_at` is when more room becomes free; None where nothing is used.
    """

    limit: Limit
    max: int
    used: int | None = None
    resets_at: datetime | None = None

    @property
    def left(self) -> int | None:
        """How many more fit in the window; None where the use is not counted here."""
        return None if self.used is None else max(self.max - self.used, 0)


def account_uses(accounts: Sequence[Account], now: datetime) -> Mapping[str, list[LimitUse]]:
    """Return each account's use of its own limits, by account id."""
    with transaction() as session:
        known = gates.read(session, [account.id for account in accounts])
        return {
            account.id: [
                _use(session, limit, account.id, known.get(account.id), now)
                for limit in PLATFORMS[account.platform].limits
                if limit.scope == "account" and limit.window != "at_once"
            ]
            for account in accounts
        }


def platform_uses(platform: str, now: datetime) -> list[LimitUse]:
    """Return a platform's limits, and the use of those that the whole application shares."""
    with transaction() as session:
        return [
            (
                _use(session, limit, platform, None, now)
                if limit.scope == "application"
                else LimitUse(limit, maximum_for(limit, None))
            )
            for limit in PLATFORMS[platform].limits
        ]


def uploads_now(now: datetime) -> Mapping[str, int]:
    """Return how many uploads are in flight on each platform."""
    with transaction() as session:
        return {name: read_upload_slots(session, name, now).in_use for name in PLATFORMS}


def recent_accounts(limit: int) -> Sequence[Account]:
    """Return the accounts that used their limits most recently, the latest first."""
    latest = (
        select(LedgerEntry.account_id).order_by(LedgerEntry.used_at.desc()).limit(RECENT_ENTRIES)
    )
    with transaction() as session:
        ids = list(dict.fromkeys(session.scalars(latest)))[:limit]
        query = select(Account).where(Account.id.in_(ids)).options(*WITHOUT_TOKENS)
        found = {account.id: account for account in session.scalars(query)}
    return [found[account_id] for account_id in ids if account_id in found]


def _use(session: Session, limit: Limit, key: str, gate: Gate | None, now: datetime) -> LimitUse:
    maximum = maximum_for(limit, gate)
    uses = ledger.times_of(session, limit, key, now)
    used = sum(amount for _, amount in uses)
    if limit.window == "pacific_day":
        return LimitUse(limit, maximum, used, pacific_day(now)[1])
    if not uses:
        return LimitUse(limit, maximum, 0)
    return LimitUse(limit, maximum, used, _more_room_at(uses, used - maximum, limit))


def _more_room_at(uses: Sequence[tuple[datetime, int]], over: int, limit: Limit) -> datetime:
    """Return when enough use has left the window to make room; over the limit, several must."""
    leaving = uses[0][0]
    for moment, amount in uses:
        leaving = moment
        over -= amount
        if over < 0:
            break
    return leaving + timedelta(seconds=limit.window_seconds)
