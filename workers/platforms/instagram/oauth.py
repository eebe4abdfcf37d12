"""Instagram access tokens: refresh, and a check of the app's credentials.

Only Instagram Login tokens can be refreshed; Facebook Login has no refresh.
https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from workers.errors import AccountRefused, TokenExpired, Transient
from workers.platforms.base import Access, Api, Tokens
from workers.platforms.fields import Fields, text, whole
from workers.platforms.instagram.codes import RECONNECT_HINT, TOKEN_CODES
from workers.platforms.instagram.logins import (
    FACEBOOK_LOGIN,
    INSTAGRAM_LOGIN,
    login_type_of,
)
from workers.platforms.instagram.refusals import api_error
from workers.transport import call

#: A stated lifetime beyond this is not believed.
TOKEN_MAX_SECONDS = 366 * 86_400


def refresh(api: Api, access: Access) -> Tokens:
    """Exchange a token that is at least a day old and unexpired for one that lives 60 days.

    The token is its own refresh token, and the returned one replaces it. Raises
    `AccountRefused(reconnect=True)` for an expired token, which can never be refreshed again, and
    `Transient` for a 401 that does not say so by a code of Meta's.
    """
    if login_type_of(access) != INSTAGRAM_LOGIN:
        raise AccountRefused(
            "no_refresh",
            "tokens of Facebook Login cannot be renewed",
            hint=RECONNECT_HINT,
            reconnect=True,
        )
    response = call(
        "GET",
        f"{api.oauth_url}/refresh_access_token",
        params={"grant_type": "ig_refresh_token", "access_token": access.token},
    )
    now = datetime.now(timezone.utc)
    error = api_error(response, now, login_type=INSTAGRAM_LOGIN)
    if isinstance(error, TokenExpired):
        if error.code.partition("/")[0] not in map(str, TOKEN_CODES):
            raise Transient(error.code, error.detail)
        raise AccountRefused(error.code, error.detail, hint=RECONNECT_HINT, reconnect=True)
    if error is not None:
        raise error
    return tokens_of(response.json_object(), now)


def check_client(api: Api) -> None:
    """Request an app access token; raises `PublishError` if Meta does not know the app.

    For Facebook Login's app only: Instagram Login has no such token.
    https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens
    """
    response = call(
        "GET",
        f"{api.url}/{api.version}/oauth/access_token",
        params={
            "grant_type": "client_credentials",
            "client_id": api.client_id,
            "client_secret": api.client_secret,
        },
    )
    error = api_error(response, datetime.now(timezone.utc), login_type=FACEBOOK_LOGIN)
    if error is not None:
        raise error


def tokens_of(fields: Fields, now: datetime) -> Tokens:
    """Return the token in a response and its expiry; raises `Transient` if there is none."""
    token = text(fields, "access_token")
    if not token:
        raise Transient("bad_answer", "Instagram gave no token")
    seconds = whole(fields, "expires_in")
    expires_at = None
    if seconds is not None and 0 < seconds <= TOKEN_MAX_SECONDS:
        expires_at = now + timedelta(seconds=seconds)
    return Tokens(access_token=token, expires_at=expires_at)
