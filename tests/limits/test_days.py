"""Windows: rolling ones, and Pacific days across daylight saving time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from app.limits.windows import SPREAD, pacific_day, room_in_day, room_in_rolling

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("used", "maximum", "rank", "expected"),
    [
        ([], 2, 0, NOW),
        ([ago(1)], 2, 0, NOW),
        ([ago(1)], 2, 1, ago(1) + DAY),
        ([ago(5), ago(1)], 2, 0, ago(5) + DAY),
        ([ago(5), ago(1)], 2, 1, ago(1) + DAY),
        # The third after them follows a day after the first of them.
        ([ago(5), ago(1)], 2, 2, ago(5) + 2 * DAY),
        ([ago(24)], 1, 0, NOW),
        ([ago(23.5)], 1, 0, ago(23.5) + DAY),
        # Lowered below what was used: the oldest uses leave without making room.
        ([ago(9), ago(5), ago(1)], 1, 0, ago(1) + DAY),
        ([], 0, 0, NOW + DAY),
    ],
)
def test_room_in_a_rolling_window(
    used: list[datetime], maximum: int, rank: int, expected: datetime
) -> None:
    assert room_in_rolling(used, maximum, DAY, NOW, rank=rank) == expected


def test_room_in_pacific_days() -> None:
    midnight = datetime(2026, 11, 27, 8, 0, tzinfo=timezone.utc)
    assert room_in_day(99, 100, NOW) == NOW
    assert room_in_day(100, 100, NOW) == midnight
    assert room_in_day(100, 100, NOW, rank=3) == midnight + 3 * SPREAD
    assert room_in_day(100, 100, NOW, rank=100) == midnight + DAY
    assert room_in_day(0, 0, NOW) == NOW + DAY


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-01-15T12:00", "2026-01-15T08:00", "2026-01-16T08:00"),
        ("2026-01-15T07:59", "2026-01-14T08:00", "2026-01-15T08:00"),
        ("2026-07-15T07:00", "2026-07-15T07:00", "2026-07-16T07:00"),
        ("2026-07-15T06:59", "2026-07-14T07:00", "2026-07-15T07:00"),
        # 8 March: 23 hours; 1 November: 25 hours.
        ("2026-03-08T20:00", "2026-03-08T08:00", "2026-03-09T07:00"),
        ("2026-11-01T20:00", "2026-11-01T07:00", "2026-11-02T08:00"),
    ],
)
def test_the_pacific_day(now: str, first: str, last: str) -> None:
    begins, ends = pacific_day(datetime.fromisoformat(f"{now}+00:00"))
    assert begins == datetime.fromisoformat(f"{first}+00:00")
    assert ends == datetime.fromisoformat(f"{last}+00:00")


def test_a_full_day_ends_at_the_right_midnight_in_the_week_of_the_change() -> None:
    saturday = datetime(2026, 3, 7, 20, 0, tzinfo=timezone.utc)
    days = [room_in_day(1, 1, saturday, rank=rank) for rank in range(3)]
    assert [day.isoformat()[:16] for day in days] == [
        "2026-03-08T08:00",
        "2026-03-09T07:00",
        "2026-03-10T07:00",
    ]
