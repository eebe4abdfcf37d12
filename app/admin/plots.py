"""Builds the overview's plots from the tallies: stacked bars per span and platform. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.platforms import PLATFORMS
from app.queries.metrics import WindowView


@dataclass(frozen=True)
class Plot:
    """A plot: `data` is what the script draws; `rows` hold the same for the accessible table."""

    name: str
    title: str
    total: int
    rows: Sequence[tuple[datetime, Sequence[int]]]
    data: dict[str, Any]


def plots_of(view: WindowView) -> list[Plot]:
    """Return the plots of published and of failed posts."""
    return [
        _plot(view, "completed", "Went live", view.total.completed),
        _plot(view, "failed", "Failed", view.total.failed),
    ]


def _plot(view: WindowView, name: str, title: str, total: int) -> Plot:
    by_platform = {
        platform: [
            getattr(point.figures[platform], name) if platform in point.figures else 0
            for point in view.points
        ]
        for platform in PLATFORMS
    }
    is_long = view.hours > 36
    data = {
        "labels": [_label(point.start_at, is_long=is_long) for point in view.points],
        "series": [
            {"key": platform.lower(), "label": PLATFORMS[platform].name, "values": values}
            for platform, values in by_platform.items()
        ],
    }
    rows = [
        (point.start_at, [values[position] for values in by_platform.values()])
        for position, point in enumerate(view.points)
    ]
    busy = [row for row in rows if any(row[1])]
    return Plot(name, title, total, busy, data)


def _label(moment: datetime, *, is_long: bool) -> str:
    return moment.strftime("%a %-d, %H:%M" if is_long else "%H:%M")
