"""Turns a refusal of the Data API into the error that it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from workers.errors import OutcomeUnknown, PublishError, Transient
from workers.platforms.fields import child, children, text
from workers.platforms.verdicts import Verdict
from workers.platforms.youtube import codes
from workers.transport import Response, unexpected

PACIFIC = ZoneInfo("America/Los_Angeles")
CODE_MAX_CHARS = 100
#: Right after midnight a quota that is used up may be yesterday's still, by Google's clock or ours:
#: so soon after it, the next look is in minutes, and not tomorrow.
MIDNIGHT_LASTS = timedelta(minutes=30)
MIDNIGHT_PAUSE = timedelta(minutes=5)


def refusal(answer: Response, now: datetime, *, acts: bool = False) -> PublishError:
    """Return the error for an answer that is not the success hoped for.

    `acts` marks the answer to a request that may have published: then only a refusal that the
    platform wrote itself says that it did not.
    https://developers.google.com/youtube/v3/docs/core_errors
    """
    error = child(answer.json_object(), "error")
    code, verdict = _judge(error, answer.status)
    if verdict is None:
        return unexpected(answer, acts=acts)
    kind = (
        replace(verdict, error=OutcomeUnknown) if verdict.error is Transient and acts else verdict
    )
    refused = kind.error_for(code, _detail(answer), retry_at=_retry_at(verdict, answer, now))
    if answer.status >= 500:
        refused.not_before = answer.retry_after(now)
    return refused


def quota_is_back_at(now: datetime) -> datetime:
    """Return when to try again what a daily quota of Google's has refused: at the next midnight in
    California; UTC.

    https://developers.google.com/youtube/v3/determine_quota_cost
    """
    today = now.astimezone(PACIFIC).date()
    if now - _midnight(today) < MIDNIGHT_LASTS:
        return now + MIDNIGHT_PAUSE
    return _midnight(today + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PACIFIC).astimezone(timezone.utc)


def _judge(error: Mapping[str, Any], status: int) -> tuple[str, Verdict | None]:
    """Return the raw code and its verdict; no verdict where nothing but the status speaks."""
    reason = next((text(one, "reason") for one in children(error, "errors")), "")
    google_status = text(error, "status")
    code = (reason or google_status or f"http_{status}")[:CODE_MAX_CHARS]
    if status == 429 and codes.DAILY_QUOTA in text(error, "message").lower():
        return code, codes.STATUSES["RESOURCE_EXHAUSTED"]
    if reason in codes.REASONS:
        return code, codes.REASONS[reason]
    if google_status in codes.STATUSES:
        return code, codes.STATUSES[google_status]
    if status in codes.HTTP_STATUSES and (error or status in codes.STATUS_SAYS_IT):
        return code, codes.HTTP_STATUSES[status]
    if not error or status < 400:
        return code, None  # not the platform's own words: a proxy's page, or cut short
    return code, codes.UNKNOWN_REFUSAL if status < 500 else codes.UNKNOWN_TROUBLE


def _retry_at(verdict: Verdict, answer: Response, now: datetime) -> datetime:
    named = answer.retry_after(now)
    if not verdict.wait_seconds:
        back_at = quota_is_back_at(now)
        return max(named, back_at) if named else back_at
    return named or now + timedelta(seconds=verdict.wait_seconds)


def _detail(answer: Response) -> str:
    # Google's own message may hold markup and links.
    return f"YouTube refused the request (HTTP {answer.status})"
