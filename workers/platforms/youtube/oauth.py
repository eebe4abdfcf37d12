"""Google access tokens: code exchange and refresh.

https://developers.google.com/identity/protocols/oauth2/web-server#offline
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from workers import transport
from workers.platforms.base import Api, Tokens
from workers.platforms.fields import text, whole
from workers.platforms.youtube import codes
from workers.platforms.youtube.refusals import oauth_error

#: The lifetime of Google's access tokens, for a response that does not state it.
TOKEN_SECONDS = 3600
#: A stated lifetime beyond this is not believed.
TOKEN_MAX_SECONDS = 10 * 86_400


def refresh(api: Api, refresh_token: str | None) -> Tokens:
    """Get a fresh access token. The refresh token stays valid, unless Google sends another."""
    if not refresh_token:
        raise codes.NOT_CONNECTED.error_for("refresh_token_missing", "there is no refresh token")
    return request_tokens(api, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def request_tokens(api: Api, form: Mapping[str, str]) -> Tokens:
    """Request tokens from the token endpoint."""
    asked_at = datetime.now(timezone.utc)
    response = transport.call(
        "POST",
        f"{api.oauth_url}/token",
        data={"client_id": api.client_id, "client_secret": api.client_secret, **form},
    )
    body = response.json_object()
    if response.status == 200 and "error" not in body and text(body, "access_token"):
        return _tokens(body, asked_at)
    raise oauth_error(response, body, asked_at)


def _tokens(body: Mapping[str, Any], asked_at: datetime) -> Tokens:
    seconds = whole(body, "expires_in")
    lifetime = timedelta(seconds=min(seconds, TOKEN_MAX_SECONDS) if seconds else TOKEN_SECONDS)
    scopes = text(body, "scope").split()
    return Tokens(
        access_token=text(body, "access_token"),
        expires_at=asked_at + lifetime,
        refresh_token=text(body, "refresh_token") or None,
        scopes=frozenset(scopes) if scopes else None,
    )
