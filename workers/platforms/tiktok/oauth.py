"""Gets and refreshes TikTok access tokens.

https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from workers import transport
from workers.errors import AccountRefused
from workers.platforms.base import Api, Tokens
from workers.platforms.fields import text, whole
from workers.platforms.tiktok import codes
from workers.platforms.tiktok.refusals import oauth_refusal

logger = logging.getLogger(__name__)
#: What TikTok's access tokens live, for an answer that does not say.
TOKEN_SECONDS = 86_400


def refresh(api: Api, refresh_token: str | None) -> Tokens:
    """Get a fresh access token, and the refresh token that replaces the one sent.

    Errors come with HTTP 200 and an `error` string. A wrong client key raises `RequestRefused`,
    which is no account's fault. https://developers.tiktok.com/doc/oauth-error-handling
    """
    if not refresh_token:
        raise AccountRefused(
            "refresh_token_missing",
            "there is no refresh token",
            hint=codes.OAUTH_ERRORS["invalid_grant"].hint,
            reconnect=True,
        )
    tokens, _ = ask(api, {"grant_type": "refresh_token", "refresh_token": refresh_token})
    return tokens


def ask(api: Api, fields: Mapping[str, str]) -> tuple[Tokens, Mapping[str, Any]]:
    """Ask the token endpoint for tokens; return them, and the whole answer."""
    asked_at = datetime.now(timezone.utc)
    answer = transport.call(
        "POST",
        f"{api.url}/v2/oauth/token/",
        data={"client_key": api.client_id, "client_secret": api.client_secret, **fields},
    )
    body = answer.json_object()
    if answer.status == 200 and not body.get("error") and text(body, "access_token"):
        return _tokens(body, asked_at), body
    error = oauth_refusal(answer, body, asked_at)
    logger.info(
        "tiktok gave no token",
        extra={"status": answer.status, "code": error.code, "logId": text(body, "log_id")},
    )
    raise error


def _tokens(body: Mapping[str, Any], asked_at: datetime) -> Tokens:
    seconds = whole(body, "expires_in")
    lifetime = timedelta(seconds=min(seconds, 365 * 86_400) if seconds else TOKEN_SECONDS)
    scopes = frozenset(name.strip() for name in text(body, "scope").split(","))
    return Tokens(
        access_token=text(body, "access_token"),
        expires_at=asked_at + lifetime,
        refresh_token=text(body, "refresh_token") or None,
        scopes=(scopes - {""}) or None,
    )
