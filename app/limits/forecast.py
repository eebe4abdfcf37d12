"""When a post placed now would begin, as far as the limits go. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.database.transaction import transaction
from app.limits import pauses
from app.limits.allowing import Allowance, Hold, Rank, read_allowance
from app.limits.holds import rank_of_next
from app.limits.lanes import count_waiting


@dataclass(frozen=True)
class Forecast:
    """When a post due at `due_at` would begin; `hold` is what puts it off, if anything does.

    `begins_at` is None while the operator pauses the platform: only he knows.
    """

    due_at: datetime
    begins_at: datetime | None
    hold: Hold | None


def forecast(
    platform: str, account_id: str, priority: int, due_at: datetime, now: datetime
) -> Forecast:
    """Return when a post of an account would begin, after those that go before it.

    What other posts will have used by a time to come is not known: for a post due later, the
    windows are looked at as they will be if nothing else is posted.
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
    before = Rank(rank.in_account + waiting, rank.in_application + waiting)
    hold = _hold_at(allowance, before, max(due_at, now))
    return Forecast(due_at, hold.until if hold is not None else max(due_at, now), hold)


def _hold_at(allowance: Allowance, before: Rank, moment: datetime) -> Hold | None:
    """Return what holds a post up that comes at a moment: now, or later than now."""
    held_now = allowance.hold(before)
    if held_now is None or held_now.until <= moment:
        return None
    return held_now
