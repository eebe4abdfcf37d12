"""A job's timeline as a picture of steps and waits. Pure.

Steps last seconds and waits last days, so the picture is not to scale: each stretch between two
events is drawn as wide as the logarithm of its length. What was longer is never drawn shorter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models import TimelineEntry

#: Of the whole width, in per cent: the least of a bar, and between two marks of the axis.
BAR_MIN = 0.8
MARKS_APART = 19.0
#: What a stretch of no length weighs, beside one of a second (0.69) or an hour (8.2).
WEIGHT_MIN = 0.5
_CHANGE = "change"


@dataclass(frozen=True)
class Bar:
    """One entry: where it is drawn, in per cent of the width; a moment has no width."""

    entry: TimelineEntry
    left: float
    width: float
    lasted: timedelta | None
    #: whether it has something to tell that those before it have not
    is_telling: bool

    @property
    def is_moment(self) -> bool:
        """Whether it is a change, and no span."""
        return self.entry.kind == _CHANGE

    @property
    def look(self) -> str:
        """What it looks like: how it ended, or that it goes on."""
        if self.entry.outcome is not None:
            return self.entry.outcome
        return "noted" if self.is_moment else "open"

    @property
    def title(self) -> str:
        """What it is, for a person."""
        name = self.entry.name.replace("_", " ")
        return f"wait: {name}" if self.entry.kind == "wait" else name


@dataclass(frozen=True)
class Mark:
    """A mark of the axis: where, and how long after the first event."""

    left: float
    after: timedelta


@dataclass(frozen=True)
class Picture:
    """The bars, in the order of the timeline, and the marks below them."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]


def draw(entries: Sequence[TimelineEntry], now: datetime) -> Picture:
    """Return the picture of a timeline; what has not ended goes on to `now`."""
    if not entries:
        return Picture((), ())
    places = _places(entries, now)
    bars, told = [], None
    for entry in entries:
        bars.append(_bar(entry, told, places, now))
        told = entry.error_message or told
    return Picture(bars, _marks(places))


def _end(entry: TimelineEntry, now: datetime) -> datetime:
    return max(entry.ended_at or now, entry.started_at)


def _places(entries: Sequence[TimelineEntry], now: datetime) -> dict[datetime, float]:
    """Return where each event is drawn, in per cent."""
    events = sorted({moment for one in entries for moment in (one.started_at, _end(one, now))})
    sums = [0.0]
    for earlier, later in zip(events, events[1:]):
        seconds = (later - earlier).total_seconds()
        sums.append(sums[-1] + WEIGHT_MIN + math.log1p(seconds))
    whole = sums[-1] or 1.0
    return {event: 100 * total / whole for event, total in zip(events, sums)}


def _bar(
    entry: TimelineEntry, told: str | None, places: dict[datetime, float], now: datetime
) -> Bar:
    end = _end(entry, now)
    left, right = places[entry.started_at], places[end]
    width = max(right - left, BAR_MIN)
    left = min(left, 100 - width)
    lasted = None if entry.kind == _CHANGE else end - entry.started_at
    is_telling = entry.error_message is not None and entry.error_message != told
    return Bar(entry, round(left, 2), round(width, 2), lasted, is_telling)


def _marks(places: dict[datetime, float]) -> list[Mark]:
    """Mark the first and the last event, and between them what has room for its words."""
    first, *_, last = [*places, *places]
    marks = [Mark(0.0, timedelta())]
    for event, left in places.items():
        # The last one's words stand to its left.
        if left - marks[-1].left >= MARKS_APART and left <= 100 - 2 * MARKS_APART:
            marks.append(Mark(round(left, 2), event - first))
    if last > first:
        marks.append(Mark(100.0, last - first))
    return marks
