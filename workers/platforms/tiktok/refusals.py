"""Translation of TikTok's error responses into `PublishError`s.

https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from workers.errors import OutcomeUnknown, PublishError, Transient
from workers.platforms.fields import child, text
from workers.platforms.tiktok import codes
from workers.platforms.verdicts import CODE_MAX_CHARS, Verdict
from workers.transport import Response, unexpected

OK = "ok"
#: Added to a wait for which TikTok names no time, so that waiting posts do not return at once.
JITTER_SECONDS = 15.0


def api_error(response: Response, now: datetime, *, acts: bool = False) -> PublishError:
    """Return the error for an API response that is not a success.

    Only `error.code` decides: some calls refuse with HTTP 200, and the messages are generic. `acts`
    marks the response to a call that may publish; what is not a clear refusal is `OutcomeUnknown`
    then: it does not rule out that the call was carried out.
    """
    code = text(child(response.json_object(), "error"), "code")
    if code == OK and response.status < 300:
        kind: type[PublishError] = OutcomeUnknown if acts else Transient
        return kind("bad_answer", "TikTok's response lacks what it should contain")
    if code == OK:
        return unexpected(response, acts=acts)
    verdict = codes.ERRORS.get(code) or _by_status(response.status, code, codes.UNKNOWN_ERROR)
    if verdict is not None and verdict.error is Transient and acts:
        verdict = replace(verdict, error=OutcomeUnknown)
    return _error(response, code, verdict, now, acts=acts)


def oauth_error(response: Response, body: Mapping[str, Any], now: datetime) -> PublishError:
    """Return the error for a token endpoint response that contains no token.

    https://developers.tiktok.com/doc/oauth-error-handling
    """
    code = text(body, "error") or text(child(body, "error"), "code")
    verdict = codes.OAUTH_ERRORS.get(code)
    if verdict is None and response.status != 401:  # there is no token yet that could be expired
        verdict = _by_status(response.status, code, codes.UNKNOWN_OAUTH_ERROR)
    verdict = verdict or (codes.UNKNOWN_OAUTH_ERROR if code else None)
    return _error(response, code, verdict, now, refused="to renew the access")


def upload_error(response: Response, now: datetime, *, acts: bool) -> PublishError:
    """Return the error for an unexplained response of the upload host, whose body says nothing.

    Only a rate limit proves that a request that `acts` was refused.
    """
    if response.status == 429:
        return _error(response, "", codes.HTTP_STATUSES[429], now)
    return unexpected(response, acts=acts)


def _error(
    response: Response,
    code: str,
    verdict: Verdict | None,
    now: datetime,
    *,
    acts: bool = False,
    refused: str = "the request",
) -> PublishError:
    if verdict is None:
        # Not TikTok's own body: a proxy's page, or truncated.
        return unexpected(response, acts=acts)
    # Users read this, and the HTTP 200 of many a refusal would only puzzle them.
    status = "" if response.status == 200 else f" (HTTP {response.status})"
    reason = f": {code[:CODE_MAX_CHARS]}" if code else ""
    wait = timedelta(seconds=verdict.wait_seconds + random.uniform(0, JITTER_SECONDS))
    error = verdict.error_for(
        code[:CODE_MAX_CHARS] or f"http_{response.status}",
        verdict.reason or f"TikTok refused {refused}{reason}{status}",
        retry_at=response.retry_after(now) or now + wait,
    )
    error.not_before = response.retry_after(now)
    return error


def _by_status(status: int, code: str, otherwise: Verdict) -> Verdict | None:
    """Return the verdict for an unknown code; None if the body has no code at all.

    Without a code it is not TikTok's own body, and then no status but 429 means what it says.
    """
    if not code and status != 429:
        return None
    if status in codes.HTTP_STATUSES:
        return codes.HTTP_STATUSES[status]
    return Verdict(Transient) if status >= 500 else otherwise
