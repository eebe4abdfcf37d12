"""Warnings about what will differ from the request: a conversion, a limit, a doubtful length."""

from __future__ import annotations

from datetime import datetime

from app.checks.posts import CheckedPost, priority_of
from app.checks.targets import video_warnings
from app.clock import to_words
from app.faults import Faults, merge
from app.limits.forecast import forecast
from app.queries.targets import TargetAccount


def warnings_for(post: CheckedPost, due_at: datetime | None, now: datetime) -> Faults:
    """Return, by field, what the user should know about a post before sending it."""
    warnings: Faults = {}
    if post.video is not None:
        merge(warnings, video_warnings(post.values, post.video, post.account))
    if post.account is not None:
        priority = priority_of(post.values, due_at)
        merge(warnings, _limit_warnings(post.account, priority, due_at or now, now))
    return warnings


def _limit_warnings(
    account: TargetAccount, priority: int, due_at: datetime, now: datetime
) -> Faults:
    expected = forecast(account.platform, account.id, priority, due_at, now)
    if expected.hold is None:
        return {}
    reason = expected.hold.failure.message
    if expected.begins_at is None:
        return {"platform": [f"It will wait: {reason}."]}
    return {"platform": [f"It will wait until {to_words(expected.begins_at)}: {reason}."]}
