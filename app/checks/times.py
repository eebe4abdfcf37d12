"""Checks when a post may be due. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.faults import PAST_TIME, Faults
from app.schemas.publish import MAX_AHEAD_SECONDS

TOO_FAR = "More than a year ahead."


def moment_faults(field: str, moment: datetime | None, now: datetime) -> Faults:
    """Return what is wrong with the time at which a post is to be due."""
    if moment is None:
        return {}
    if moment < now:
        return {field: [PAST_TIME]}
    if moment > now + timedelta(seconds=MAX_AHEAD_SECONDS):
        return {field: [TOO_FAR]}
    return {}


def time_faults(values: Mapping[str, Any], now: datetime) -> Faults:
    """Return what is wrong with a post's own time."""
    moment = values.get("scheduled_time")
    faults = moment_faults("scheduledTime", moment, now)
    if moment is not None and "delay" in values.get("options", {}):
        faults["options.delay"] = ["Cannot be combined with scheduledTime."]
    return faults


def due_time(values: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when a post is due, or None for as soon as possible."""
    moment: datetime | None = values.get("scheduled_time")
    delay_ms = values.get("options", {}).get("delay", 0)
    return now + timedelta(milliseconds=delay_ms) if delay_ms else moment


def batch_faults(values: Mapping[str, Any], now: datetime) -> Faults:
    """Return what is wrong with the times of a batch, and with posts that set their own."""
    faults = moment_faults("startTime", values.get("start_time"), now)
    posts = values.get("posts", [])
    last = max(len(posts) - 1, 0) * values.get("interval_minutes", 0.0)
    first = values.get("start_time") or now
    if not faults and (first - now).total_seconds() + last * 60 > MAX_AHEAD_SECONDS:
        faults["intervalMinutes"] = ["The last post would be more than a year ahead."]
    if is_timed(values):
        for position, post in enumerate(posts):
            if post.get("scheduled_time") is not None:
                faults[f"posts.{position}.scheduledTime"] = ["The batch sets the times."]
            if "delay" in post.get("options", {}):
                faults[f"posts.{position}.options.delay"] = ["The batch sets the times."]
    return faults


def is_timed(values: Mapping[str, Any]) -> bool:
    """Return whether the batch sets the times of its posts; otherwise each may set its own."""
    return bool(values.get("start_time") or values.get("interval_minutes"))
