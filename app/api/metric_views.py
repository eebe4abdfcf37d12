"""Builds the JSON representation of the metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from app.metrics.figures import Figures, Histogram
from app.platforms import PLATFORMS
from app.queries.depths import read_depths, read_queues, read_troubles
from app.queries.limits import platform_uses
from app.queries.metrics import WindowView, read_window
from app.queries.peaks import account_peaks
from app.queries.processes import count_workers, leading_scheduler

ERRORS_SHOWN = 10


def metrics_of(window: str, now: datetime) -> dict[str, Any]:
    """Return a window of `app.queries.metrics.WINDOWS` as `MetricsSchema` dumps it."""
    view = read_window(window, now)
    platforms = [
        {
            "platform": depth.platform,
            **ended_of(view.platforms[depth.platform], view.hours),
            "waiting": depth.waiting,
            "delayed": depth.delayed,
            "active": depth.active,
            "late_seconds": depth.late.total_seconds(),
            "limits": platform_uses(depth.platform, now),
            "account_peaks": _peaks(depth.platform, now),
        }
        for depth in read_depths(now)
    ]
    return {
        "window": window,
        "start": view.start_at,
        "end": view.end_at,
        "total": ended_of(view.total, view.hours),
        "platforms": platforms,
        "series": _series(view),
        "processes": _processes(now),
        "troubles": read_troubles(),
    }


def ended_of(figures: Figures, hours: float) -> dict[str, Any]:
    """Return figures, collected over so many hours, as `EndedSchema` dumps them."""
    return {
        "completed": figures.completed,
        "failed": figures.failed,
        "cancelled": figures.cancelled,
        "completed_per_hour": figures.completed / hours,
        "failed_per_hour": figures.failed / hours,
        "first_attempt_share": _share(figures.first_try, figures.ended),
        "success_share": _share(figures.completed, figures.ended),
        "retries_per_job": _share(figures.attempts - figures.ended, figures.ended),
        "uploaded_bytes": figures.uploaded_bytes,
        "due_to_start_seconds": _quantiles(figures.lateness),
        "start_to_live_seconds": _quantiles(figures.live),
        "upload_bytes_per_second": _quantiles(figures.throughput),
        "errors": _errors(figures),
    }


def _share(part: int, whole: int) -> float | None:
    return max(part, 0) / whole if whole else None


def _quantiles(histogram: Histogram) -> dict[str, float | None]:
    return {f"p{share:.0f}": histogram.quantile(share / 100) for share in (50, 95, 99)}


def _errors(figures: Figures) -> list[dict[str, Any]]:
    counted = [
        (count, category, code)
        for category, codes in figures.errors.items()
        for code, count in codes.items()
    ]
    return [
        {"category": category, "code": code, "count": count}
        for count, category, code in sorted(counted, reverse=True)[:ERRORS_SHOWN]
    ]


def _peaks(platform: str, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "limit": limit,
            "most_used": peak.most_used,
            "share": peak.share,
            "accounts_near": peak.accounts_near,
        }
        for limit, peak in account_peaks(platform, now).items()
    ]


def _series(view: WindowView) -> dict[str, Any]:
    points = [
        {
            "start": point.start_at,
            "platform": platform,
            "completed": figures.completed,
            "failed": figures.failed,
        }
        for point in view.points
        for platform, figures in sorted(point.figures.items())
    ]
    return {"seconds": view.point_seconds, "points": points}


def _processes(now: datetime) -> dict[str, Any]:
    try:
        queues = read_queues()
    except RedisError:
        queues = None
    workers = count_workers(now)
    return {
        "queues": queues,
        "workers": {platform: workers[platform] for platform in PLATFORMS},
        "scheduler_leads": leading_scheduler(now) is not None,
    }
