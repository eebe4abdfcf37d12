"""What ended within the last hour, day or week, read from the tallies.

However many jobs there are, this reads a few hundred tallies, plus the rows of the last minutes,
which no tally has yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.metrics.counting import Span, count_span
from app.metrics.figures import Figures
from app.metrics.rollup import (
    ALL_TIME_SECONDS,
    BUCKET_SECONDS,
    HOUR_SECONDS,
    bucket_start,
    counted_until,
)
from app.models import Tally
from app.platforms import PLATFORMS

WINDOWS: dict[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
#: How often the tallies are read again when a roll-up changes them meanwhile.
_READS_MAX = 5


@dataclass(frozen=True)
class Point:
    """The figures of one of a window's equal spans, by platform."""

    start_at: datetime
    figures: Mapping[str, Figures]


@dataclass(frozen=True)
class WindowView:
    """The figures of a time window: by platform, in total, and span by span, oldest first."""

    start_at: datetime
    end_at: datetime
    platforms: Mapping[str, Figures]
    total: Figures
    point_seconds: int
    points: Sequence[Point]

    @property
    def hours(self) -> float:
        """The length of the window in hours."""
        return (self.end_at - self.start_at).total_seconds() / 3600


@dataclass
class _Spans:
    """Figures by the start of their span and by platform, with the watermark they go up to."""

    until: datetime | None = None
    by_start: dict[datetime, dict[str, Figures]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, start_at: datetime, platform: str, figures: Figures) -> None:
        of_span = self.by_start[start_at]
        if platform in of_span:
            of_span[platform].merge(figures)
        else:
            of_span[platform] = figures


def read_window(name: str, now: datetime) -> WindowView:
    """Return one of `WINDOWS`, up to `now`; its start is rounded down to five minutes."""
    start_at = bucket_start(now - WINDOWS[name], BUCKET_SECONDS)
    point_seconds = BUCKET_SECONDS if name == "1h" else HOUR_SECONDS
    read = _read(start_at, now)
    platforms: dict[str, Figures] = {platform: Figures() for platform in PLATFORMS}
    total = Figures()
    by_point: dict[datetime, dict[str, Figures]] = defaultdict(lambda: defaultdict(Figures))
    for span_start, of_span in read.by_start.items():
        for platform, figures in of_span.items():
            total.merge(figures)
            platforms.setdefault(platform, Figures()).merge(figures)
            by_point[bucket_start(span_start, point_seconds)][platform].merge(figures)
    starts = _starts(bucket_start(start_at, point_seconds), now, point_seconds)
    points = [Point(start, by_point.get(start, {})) for start in starts]
    return WindowView(start_at, now, platforms, total, point_seconds, points)


def read_totals() -> dict[str, Figures]:
    """Return the all-time tallies, by platform: counters that never fall."""
    query = select(Tally.platform, Tally.figures).where(Tally.seconds == ALL_TIME_SECONDS)
    with transaction() as session:
        rows = session.execute(query).all()
    return {platform: Figures.load(figures) for platform, figures in rows}


def read_counted_until() -> datetime | None:
    """Return the watermark before which every end is in the tallies; None before the first."""
    with transaction() as session:
        return counted_until(session)


def _read(start_at: datetime, now: datetime) -> _Spans:
    with transaction() as session:
        for _ in range(_READS_MAX):
            read = _read_tallies(session, start_at, now)
            if counted_until(session) == read.until:
                break
            session.rollback()  # a roll-up came in between: what it moved would count twice
        tail_start = max(start_at, read.until) if read.until else start_at
        # Another host's clock may be a little ahead of ours.
        tail = Span(tail_start, now + timedelta(seconds=5))
        for platform, figures in count_span(session, tail).items():
            read.add(bucket_start(now, BUCKET_SECONDS), platform, figures)
    return read


def _read_tallies(session: Session, start_at: datetime, now: datetime) -> _Spans:
    read = _Spans(counted_until(session))
    first_hour = bucket_start(start_at + timedelta(seconds=HOUR_SECONDS - 1), HOUR_SECONDS)
    last_hour = bucket_start(now, HOUR_SECONDS)
    bucket, hour = Tally.seconds == BUCKET_SECONDS, Tally.seconds == HOUR_SECONDS
    if first_hour >= last_hour:
        wanted = and_(bucket, Tally.start_at >= start_at)
    else:
        wanted = or_(
            and_(bucket, Tally.start_at >= start_at, Tally.start_at < first_hour),
            and_(hour, Tally.start_at >= first_hour, Tally.start_at < last_hour),
            and_(bucket, Tally.start_at >= last_hour),
        )
    query = select(Tally.start_at, Tally.platform, Tally.figures).where(wanted)
    for span_start, platform, figures in session.execute(query):
        read.add(span_start, platform, Figures.load(figures))
    return read


def _starts(first: datetime, now: datetime, seconds: int) -> list[datetime]:
    starts = [first]
    while (following := starts[-1] + timedelta(seconds=seconds)) <= now:
        starts.append(following)
    return starts
