"""Rate-limit windows, and when there is room in one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

#: Where YouTube's day begins. https://developers.google.com/youtube/v3/getting-started#quota
PACIFIC = ZoneInfo("America/Los_Angeles")
#: Posts that become possible at the same instant begin this far apart.
SPREAD = timedelta(seconds=2)
#: How long to wait before looking again at a limit of zero.
ZERO_LIMIT_PAUSE = timedelta(days=1)


def pacific_day(now: datetime) -> tuple[datetime, datetime]:
    """Return the Pacific midnights around `now`, in UTC; they are 23 to 25 hours apart."""
    today = now.astimezone(PACIFIC).date()
    first = datetime.combine(today, time(), PACIFIC)
    last = datetime.combine(today + timedelta(days=1), time(), PACIFIC)
    return first.astimezone(timezone.utc), last.astimezone(timezone.utc)


def room_in_rolling(
    times: Sequence[datetime], maximum: int, window: timedelta, now: datetime, *, rank: int = 0
) -> datetime:
    """Return when one more fits into a rolling window, after `rank` others that go before it.

    `times` are those of the uses, oldest first. A use leaves the window a window's length later.
    """
    if maximum <= 0:
        return now + ZERO_LIMIT_PAUSE
    inside = [moment for moment in times if moment > now - window]
    # Where the limit was lowered, only the newest uses matter: older ones leave earlier.
    used = inside[-maximum:]
    free = maximum - len(used)
    if rank < free:
        return now
    occupied_at = [*used, *[now] * free]
    turns, position = divmod(rank - free, maximum)
    return occupied_at[position] + window * (turns + 1)


def room_in_day(used: int, maximum: int, now: datetime, *, rank: int = 0) -> datetime:
    """Return when one more fits into Pacific days, after `rank` others that go before it."""
    if maximum <= 0:
        return now + ZERO_LIMIT_PAUSE
    behind = rank - max(maximum - used, 0)
    if behind < 0:
        return now
    days, position = divmod(behind, maximum)
    opens = pacific_day(now)[1]
    for _ in range(days):
        opens = pacific_day(opens)[1]
    return opens + SPREAD * position
