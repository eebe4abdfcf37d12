"""TikTok access tokens: code exchange and refresh.

https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from workers import transport
from workers.platforms.base import Api, Tokens
from workers.platforms.fields import text, whole
from workers.platforms.tiktok import codes
from workers.platforms.tiktok.refusals import oauth_error

logger = logging.getLogger(__name__)
#: The lifetime of TikTok's access tokens, for a response that does not state it.
TOKEN_SECONDS = 86_400
#: A stated lifetime beyond this is not believed.
TOKEN_MAX_SECONDS = 365 * 86_400


def refresh(api: Api, refresh_token: str | None) -> Tokens:
    """Get a fresh access token, and the refresh token that replaces the one sent.

    A wrong client key raises `RequestRefused`: no account is to blame for it.
    """
    if not refresh_token:
        raise codes.NOT_CONNECTED.error_for("refresh_token_missing", "there is no refresh token")
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    tokens, _ = request_tokens(api, form)
    return tokens


def request_tokens(api: Api, form: Mapping[str, str]) -> tuple[Tokens, Mapping[str, Any]]:
    """Request tokens from the token endpoint; return them and the whole response.

    Errors come with HTTP 200 and an `error` string.
    https://developers.tiktok.com/doc/oauth-error-handling
    """
    asked_at = datetime.now(timezone.utc)
    response = transport.call(
        "POST",
        f"{api.url}/v2/oauth/token/",
        data={"client_key": api.client_id, "client_secret": api.client_secret, **form},
    )
    body = response.json_object()
    if response.status == 200 and not body.get("error") and text(body, "access_token"):
        return _tokens(body, asked_at), body
    error = oauth_error(response, body, asked_at)
    logger.info(
        "tiktok gave no token",
        extra={"status": response.status, "code": error.code, "logId": text(body, "log_id")},
    )
    raise error


def _tokens(body: Mapping[str, Any], asked_at: datetime) -> Tokens:
    seconds = whole(body, "expires_in")
    lifetime = timedelta(seconds=min(seconds, TOKEN_MAX_SECONDS) if seconds else TOKEN_SECONDS)
    scopes = frozenset(name.strip() for name in text(body, "scope").split(","))
    return Tokens(
        access_token=text(body, "access_token"),
        expires_at=asked_at + lifetime,
        refresh_token=text(body, "refresh_token") or None,
        scopes=(scopes - {""}) or None,
    )
