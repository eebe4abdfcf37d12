"""Windows in which something is counted, and when there is room in one again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

#: Where YouTube's day begins. https://developers.google.com/youtube/v3/getting-started#quota
PACIFIC = ZoneInfo("America/Los_Angeles")
#: What becomes possible at one instant begins this far apart.
SPREAD = timedelta(seconds=2)
#: A limit of nothing at all is looked at again after this.
NEVER = timedelta(days=1)


def pacific_day(now: datetime) -> tuple[datetime, datetime]:
    """Return the midnights, Pacific time, that `now` lies between: 23 to 25 hours apart; UTC."""
    today = now.astimezone(PACIFIC).date()
    first = datetime.combine(today, time(), PACIFIC)
    last = datetime.combine(today + timedelta(days=1), time(), PACIFIC)
    return first.astimezone(timezone.utc), last.astimezone(timezone.utc)


def room_in_rolling(
    times: Sequence[datetime], maximum: int, window: timedelta, now: datetime, *, rank: int = 0
) -> datetime:
    """Return when one more fits into a moving window, after `rank` others that go before it.

    `times` are those of the uses, oldest first. A place is free again a window after its use.
    """
    if maximum <= 0:
        return now + NEVER
    inside = [moment for moment in times if moment > now - window]
    # Where a limit was lowered, only the newest uses matter: the older leave before.
    used = inside[-maximum:]
    free = maximum - len(used)
    if rank < free:
        return now
    places = [*used, *[now] * free]
    turns, place = divmod(rank - free, maximum)
    return places[place] + window * (turns + 1)


def room_in_day(used: int, maximum: int, now: datetime, *, rank: int = 0) -> datetime:
    """Return when one more fits into Pacific days, after `rank` others that go before it."""
    if maximum <= 0:
        return now + NEVER
    behind = rank - max(maximum - used, 0)
    if behind < 0:
        return now
    days, place = divmod(behind, maximum)
    opens = pacific_day(now)[1]
    for _ in range(days):
        opens = pacific_day(opens)[1]
    return opens + SPREAD * place
