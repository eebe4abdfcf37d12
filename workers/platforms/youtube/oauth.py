"""Gets and refreshes Google access tokens.

https://developers.google.com/identity/protocols/oauth2/web-server#offline
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from workers import transport
from workers.errors import PublishError, Transient
from workers.platforms.base import Api, Tokens
from workers.platforms.fields import text, whole
from workers.platforms.verdicts import Verdict
from workers.platforms.youtube import codes
from workers.platforms.youtube.refusals import CODE_MAX_CHARS
from workers.transport import Response, unexpected

#: What Google's access tokens live, for an answer that does not say.
TOKEN_SECONDS = 3600


def refresh(api: Api, refresh_token: str | None) -> Tokens:
    """Get a fresh access token. Google keeps the refresh token, unless it sends another."""
    if not refresh_token:
        raise codes.NOT_CONNECTED.error_for("refresh_token_missing", "there is no refresh token")
    return ask(api, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def ask(api: Api, fields: Mapping[str, str]) -> Tokens:
    """Ask the token endpoint for tokens."""
    asked_at = datetime.now(timezone.utc)
    answer = transport.call(
        "POST",
        f"{api.oauth_url}/token",
        data={"client_id": api.client_id, "client_secret": api.client_secret, **fields},
    )
    body = answer.json_object()
    if answer.status != 200 or "error" in body or not text(body, "access_token"):
        raise _refusal(answer, body, asked_at)
    return _tokens(body, asked_at)


def _tokens(body: Mapping[str, Any], asked_at: datetime) -> Tokens:
    seconds = whole(body, "expires_in")
    lifetime = timedelta(seconds=min(seconds, 10 * 86_400) if seconds else TOKEN_SECONDS)
    scopes = text(body, "scope").split()
    return Tokens(
        access_token=text(body, "access_token"),
        expires_at=asked_at + lifetime,
        refresh_token=text(body, "refresh_token") or None,
        scopes=frozenset(scopes) if scopes else None,
    )


def _refusal(answer: Response, body: Mapping[str, Any], now: datetime) -> PublishError:
    error, subtype = text(body, "error"), text(body, "error_subtype")
    code = subtype if subtype in codes.OAUTH_ERRORS else error
    verdict = codes.OAUTH_ERRORS.get(code) or _by_status(answer, code)
    if verdict is None:
        return unexpected(answer)
    code = (code or f"http_{answer.status}")[:CODE_MAX_CHARS]
    detail = f"Google refused to give access (HTTP {answer.status})"
    retry_at = answer.retry_after(now) or now + timedelta(seconds=verdict.wait_seconds)
    return verdict.error_for(code, detail, retry_at=retry_at)


def _by_status(answer: Response, code: str) -> Verdict | None:
    """Return what a refusal without a known code means; None without any code."""
    if answer.status == 429:
        return codes.HTTP_STATUSES[429]
    if not code:
        return None
    return Verdict(Transient) if answer.status >= 500 else codes.UNKNOWN_OAUTH_ERROR
