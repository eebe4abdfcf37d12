"""Lays out a job's timeline as a chart of steps and waits. Pure.

Steps last seconds and waits last days, so the chart is not to scale: the width of each interval
between two events is the logarithm of its length. A longer interval is never drawn narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models import TimelineEntry

#: Per cent of the whole width: the minimum of a bar, and the distance between two axis marks.
BAR_MIN = 0.8
MARKS_APART = 19.0
#: The weight of an interval of no length; one of a second adds 0.69, one of an hour 8.2.
WEIGHT_MIN = 0.5
_CHANGE = "change"


@dataclass(frozen=True)
class Bar:
    """A timeline entry and its position and width in per cent of the whole."""

    entry: TimelineEntry
    left: float
    width: float
    lasted: timedelta | None
    #: whether its error differs from that of the entry before it
    has_new_error: bool

    @property
    def is_moment(self) -> bool:
        """Whether it is a moment rather than a span."""
        return self.entry.kind == _CHANGE

    @property
    def style(self) -> str:
        """Its CSS class: its outcome, or `open` while it lasts; a moment is `noted`."""
        if self.entry.outcome is not None:
            return self.entry.outcome
        return "noted" if self.is_moment else "open"

    @property
    def title(self) -> str:
        """Its name for a person."""
        name = self.entry.name.replace("_", " ")
        return f"wait: {name}" if self.entry.kind == "wait" else name


@dataclass(frozen=True)
class Mark:
    """An axis mark: its position in per cent, and the time since the first event."""

    left: float
    after: timedelta


@dataclass(frozen=True)
class Chart:
    """The bars, in timeline order, and the marks of the axis."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]


def lay_out(entries: Sequence[TimelineEntry], now: datetime) -> Chart:
    """Return the chart of a timeline; entries that are still open extend to `now`."""
    if not entries:
        return Chart((), ())
    positions = _positions(entries, now)
    bars, last_error = [], None
    for entry in entries:
        bars.append(_bar(entry, last_error, positions, now))
        last_error = entry.error_message or last_error
    return Chart(bars, _marks(positions))


def _end(entry: TimelineEntry, now: datetime) -> datetime:
    return max(entry.ended_at or now, entry.started_at)


def _positions(entries: Sequence[TimelineEntry], now: datetime) -> dict[datetime, float]:
    """Return the position of each event in per cent."""
    events = sorted({moment for one in entries for moment in (one.started_at, _end(one, now))})
    sums = [0.0]
    for earlier, later in zip(events, events[1:]):
        seconds = (later - earlier).total_seconds()
        sums.append(sums[-1] + WEIGHT_MIN + math.log1p(seconds))
    whole = sums[-1] or 1.0
    return {event: 100 * total / whole for event, total in zip(events, sums)}


def _bar(
    entry: TimelineEntry, last_error: str | None, positions: dict[datetime, float], now: datetime
) -> Bar:
    end = _end(entry, now)
    left, right = positions[entry.started_at], positions[end]
    width = max(right - left, BAR_MIN)
    left = min(left, 100 - width)
    lasted = None if entry.kind == _CHANGE else end - entry.started_at
    has_new_error = entry.error_message is not None and entry.error_message != last_error
    return Bar(entry, round(left, 2), round(width, 2), lasted, has_new_error)


def _marks(positions: dict[datetime, float]) -> list[Mark]:
    """Mark the first and the last event, and those between them whose label has room."""
    first, *_, last = [*positions, *positions]
    marks = [Mark(0.0, timedelta())]
    for event, left in positions.items():
        # The label of the last mark is to its left.
        if left - marks[-1].left >= MARKS_APART and left <= 100 - 2 * MARKS_APART:
            marks.append(Mark(round(left, 2), event - first))
    if last > first:
        marks.append(Mark(100.0, last - first))
    return marks
