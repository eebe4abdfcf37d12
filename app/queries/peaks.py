"""Reads how near accounts are to their own limits, for the metrics.

The aggregate covers the accounts with use inside a limit's window and is read from a covering
index alone; older entries are not read, and soon leave the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.limits import ledger
from app.limits.rules import configured_maximum
from app.models import Gate, LedgerEntry
from app.platforms import PLATFORMS, Limit

#: An account that has used this share of its limit is near it.
NEAR_PERCENT = 90


@dataclass(frozen=True)
class Peak:
    """A per-account limit over all accounts: the highest use of any account, the highest share
    (0–1) of its own maximum that any has used, and how many have used `NEAR_PERCENT` or more."""

    most_used: int = 0
    share: float = 0.0
    accounts_near: int = 0


def account_peaks(platform: str, now: datetime) -> Mapping[Limit, Peak]:
    """Return the peaks of a platform's per-account limits."""
    with transaction() as session:
        return {
            limit: _peak(session, platform, limit, now)
            for limit in PLATFORMS[platform].limits
            if limit.scope == "account" and limit.window != "at_once"
        }


def _peak(session: Session, platform: str, limit: Limit, now: datetime) -> Peak:
    used = (
        select(LedgerEntry.account_id, func.sum(LedgerEntry.amount).label("used"))
        .where(
            LedgerEntry.platform == platform,
            LedgerEntry.counts == limit.counts,
            LedgerEntry.used_at >= ledger.since(limit, now),
        )
        .group_by(LedgerEntry.account_id)
        .subquery()
    )
    maximum = _maximum(limit)
    # A limit of zero is used up by the first use.
    share = case((maximum > 0, used.c.used * 1.0 / maximum), else_=1.0)
    near = case((share >= NEAR_PERCENT / 100, 1), else_=0)
    query = select(func.max(used.c.used), func.max(share), func.sum(near)).select_from(used)
    if limit.is_reported_by_platform:
        query = query.outerjoin(Gate, Gate.key == used.c.account_id)
    most_used, highest, accounts_near = session.execute(query).one()
    return Peak(int(most_used or 0), float(highest or 0), int(accounts_near or 0))


def _maximum(limit: Limit) -> ColumnElement[int]:
    """Return `app.limits.allowance.maximum_for` of an account as an SQL expression."""
    configured = configured_maximum(limit)
    if not limit.is_reported_by_platform:
        return literal(configured)
    told = func.coalesce(Gate.posts_max, configured)
    if configured == limit.default:
        return told
    return case((told < configured, told), else_=configured)
