"""Translation of YouTube's and Google's error responses into `PublishError`s.

https://developers.google.com/youtube/v3/docs/core_errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from workers.errors import OutcomeUnknown, PublishError, RateLimited, Transient
from workers.platforms.fields import child, children, text
from workers.platforms.verdicts import CODE_MAX_CHARS, Verdict
from workers.platforms.youtube import codes
from workers.transport import Response, unexpected

PACIFIC = ZoneInfo("America/Los_Angeles")
#: Clocks differ, so a daily quota refused this soon after midnight may still be yesterday's: the
#: next try is minutes away then, not a day.
MIDNIGHT_GRACE = timedelta(minutes=30)
MIDNIGHT_RETRY = timedelta(minutes=5)


def api_error(response: Response, now: datetime, *, acts: bool = False) -> PublishError:
    """Return the error for a Data API response that is not a success.

    `acts` marks the response to a request that may have published; then only a refusal written
    by the platform itself proves that it did not.
    """
    error = child(response.json_object(), "error")
    code, verdict = _verdict(error, response.status)
    if verdict is None:
        return unexpected(response, acts=acts)
    is_unknown = acts and verdict.error is Transient
    raised = (replace(verdict, error=OutcomeUnknown) if is_unknown else verdict).error_for(
        code,
        # Google's own message may contain markup and links.
        verdict.reason or f"YouTube refused the request{_reason(code, response.status)}",
        retry_at=_retry_at(verdict, response, now),
    )
    if response.status >= 500:
        raised.not_before = response.retry_after(now)
    return raised


def oauth_error(response: Response, body: Mapping[str, Any], now: datetime) -> PublishError:
    """Return the error for a token endpoint response that contains no token.

    https://developers.google.com/identity/protocols/oauth2/web-server
    """
    error, subtype = text(body, "error"), text(body, "error_subtype")
    code = subtype if subtype in codes.OAUTH_ERRORS else error
    verdict = codes.OAUTH_ERRORS.get(code) or _oauth_verdict_by_status(response, code)
    if verdict is None:
        return unexpected(response)
    code = (code or f"http_{response.status}")[:CODE_MAX_CHARS]
    detail = verdict.reason or f"Google refused to give access{_reason(code, response.status)}"
    retry_at = response.retry_after(now) or now + timedelta(seconds=verdict.wait_seconds)
    return verdict.error_for(code, detail, retry_at=retry_at)


def quota_resets_at(now: datetime) -> datetime:
    """Return when to retry after a daily quota was refused: the next midnight Pacific, in UTC.

    https://developers.google.com/youtube/v3/determine_quota_cost
    """
    today = now.astimezone(PACIFIC).date()
    if now - _midnight(today) < MIDNIGHT_GRACE:
        return now + MIDNIGHT_RETRY
    return _midnight(today + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PACIFIC).astimezone(timezone.utc)


def _verdict(error: Mapping[str, Any], status: int) -> tuple[str, Verdict | None]:
    """Return the raw code and its verdict; None if only the HTTP status says anything."""
    code, verdict = _verdict_by_code(error, status)
    if status not in codes.QUOTA_HTTP_STATUSES:
        return code, verdict
    period = _quota_period(error)
    if period in codes.QUOTA_PERIODS:
        return code, codes.QUOTA_PERIODS[period]
    is_limit = verdict is not None and issubclass(verdict.error, RateLimited)
    if is_limit and not period and codes.DAILY_QUOTA_WORDS in text(error, "message").lower():
        return code, codes.DAILY_QUOTA
    return code, verdict


def _quota_period(error: Mapping[str, Any]) -> str:
    """Return the period of the quota that is used up, `d` or `min`; empty if none is named."""
    for detail in children(error, "details"):
        unit = text(child(detail, "metadata"), "quota_unit").split("/")
        if len(unit) > 1:
            return unit[1]
    return ""


def _verdict_by_code(error: Mapping[str, Any], status: int) -> tuple[str, Verdict | None]:
    reason = next((text(entry, "reason") for entry in children(error, "errors")), "")
    google_status = text(error, "status")
    code = (reason or google_status or f"http_{status}")[:CODE_MAX_CHARS]
    if reason in codes.REASONS:
        return code, codes.REASONS[reason]
    if google_status in codes.GOOGLE_STATUSES:
        return code, codes.GOOGLE_STATUSES[google_status]
    if status in codes.HTTP_STATUSES and (error or status in codes.UNAMBIGUOUS_HTTP_STATUSES):
        return code, codes.HTTP_STATUSES[status]
    if not error or status < 400:
        return code, None  # not the platform's own body: a proxy's page, or truncated
    return code, codes.UNKNOWN_ERROR if status < 500 else codes.UNKNOWN_SERVER_ERROR


def _oauth_verdict_by_status(response: Response, code: str) -> Verdict | None:
    """Return the verdict for an unknown code; None if the body has no code at all."""
    if response.status == 429:
        return codes.HTTP_STATUSES[429]
    if not code:
        return None
    return Verdict(Transient) if response.status >= 500 else codes.UNKNOWN_OAUTH_ERROR


def _reason(code: str, status: int) -> str:
    return f" (HTTP {status})" if code == f"http_{status}" else f": {code} (HTTP {status})"


def _retry_at(verdict: Verdict, response: Response, now: datetime) -> datetime:
    named = response.retry_after(now)
    if not verdict.wait_seconds:
        resets_at = quota_resets_at(now)
        return max(named, resets_at) if named else resets_at
    return named or now + timedelta(seconds=verdict.wait_seconds)
