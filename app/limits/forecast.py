"""When a post submitted now would begin, as far as the limits go. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.database.transaction import transaction
from app.limits import pauses
from app.limits.allowance import Allowance, Hold, Rank, read_allowance
from app.limits.holds import rank_of_next
from app.limits.lanes import count_waiting


@dataclass(frozen=True)
class Forecast:
    """When a post due at `due_at` would begin; `hold` is what delays it, if anything does.

    `begins_at` is None while the platform is paused: only the operator knows.
    """

    due_at: datetime
    begins_at: datetime | None
    hold: Hold | None


def forecast(
    platform: str, account_id: str, priority: int, due_at: datetime, now: datetime
) -> Forecast:
    """Return when a post of an account would begin, after those that go before it.

    For a post due later, this assumes that nothing else is posted until then.
    """
    with transaction() as session:
        rank = rank_of_next(
            session, platform=platform, account_id=account_id, priority=priority, now=now
        )
        waiting = count_waiting(session, account_id, priority, now)
        allowance = read_allowance(session, platform, account_id, now)
    if allowance.is_paused:
        pause = Hold(due_at + pauses.HELD_FOR, pauses.reason(platform), is_pause=True)
        return Forecast(due_at, None, pause)
    ahead = Rank(rank.in_account + waiting, rank.in_application + waiting)
    hold = _hold_at(allowance, ahead, max(due_at, now))
    return Forecast(due_at, hold.until if hold is not None else max(due_at, now), hold)


def _hold_at(allowance: Allowance, ahead: Rank, moment: datetime) -> Hold | None:
    """Return what still holds a post at a moment, now or later."""
    hold = allowance.hold(ahead)
    return hold if hold is not None and hold.until > moment else None
