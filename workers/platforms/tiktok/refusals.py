"""Turns a refusal by TikTok into the error that it means.

https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from workers.errors import PublishError, Transient
from workers.platforms.fields import child, text
from workers.platforms.tiktok import codes
from workers.platforms.verdicts import Verdict
from workers.transport import Response, unexpected

OK = "ok"
CODE_MAX_CHARS = 100
#: Added to a pause that TikTok left to us, so that many posts do not come back at once.
JITTER_SECONDS = 15.0


def refusal(answer: Response, now: datetime) -> PublishError:
    """Return the error for an API answer that is not the success hoped for.

    Only `error.code` is looked at: some calls refuse with HTTP 200, and the messages are alike.
    """
    code = text(child(answer.json_object(), "error"), "code")
    if code == OK:
        return _nonsense() if answer.status < 300 else unexpected(answer)
    verdict = codes.ERRORS.get(code) or _by_status(answer.status, code, codes.UNKNOWN_REFUSAL)
    return _error(answer, code, verdict, now)


def oauth_refusal(answer: Response, body: Mapping[str, Any], now: datetime) -> PublishError:
    """Return the error for an answer of the token endpoint that holds no token."""
    code = text(body, "error") or text(child(body, "error"), "code")
    verdict = codes.OAUTH_ERRORS.get(code)
    if verdict is None and answer.status != 401:  # there is no token yet that could be expired
        verdict = _by_status(answer.status, code, codes.UNKNOWN_OAUTH_ERROR)
    verdict = verdict or (codes.UNKNOWN_OAUTH_ERROR if code else None)
    return _error(answer, code, verdict, now, refused="to renew the access")


def host_refusal(answer: Response, now: datetime, *, acts: bool) -> PublishError:
    """Return the error for an answer of the upload host, whose body says nothing.

    Nothing in it proves that a request that `acts` was refused, but for a limit.
    """
    if answer.status == 429:
        return _error(answer, "", codes.HTTP_STATUSES[429], now)
    return unexpected(answer, acts=acts)


def _error(
    answer: Response,
    code: str,
    verdict: Verdict | None,
    now: datetime,
    *,
    refused: str = "the request",
) -> PublishError:
    if verdict is None:
        # Not TikTok's own words, but a proxy's page, or cut short.
        return unexpected(answer)
    # Users read it, and many a refusal comes with HTTP 200, which would only puzzle them.
    status = "" if answer.status == 200 else f" (HTTP {answer.status})"
    pause = timedelta(seconds=verdict.wait_seconds + random.uniform(0, JITTER_SECONDS))
    return verdict.error_for(
        code[:CODE_MAX_CHARS] or f"http_{answer.status}",
        f"TikTok refused {refused}{status}",
        retry_at=answer.retry_after(now) or now + pause,
    )


def _by_status(status: int, code: str, otherwise: Verdict) -> Verdict | None:
    """Return what an unknown code means; None where there is no code to go by."""
    if status in codes.HTTP_STATUSES:
        return codes.HTTP_STATUSES[status]
    if not code:
        return None
    return Verdict(Transient) if status >= 500 else otherwise


def _nonsense() -> Transient:
    return Transient("bad_answer", "TikTok's answer lacks what it should hold")
