"""Connecting TikTok accounts by OAuth consent.

https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from workers import transport
from workers.errors import PublishError, Transient
from workers.platforms.base import Api
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.fields import child, text
from workers.platforms.tiktok import oauth

logger = logging.getLogger(__name__)
PROFILE_SCOPE = "user.info.profile"


def connect(api: Api, grant: Grant) -> Sequence[ConnectedAccount]:
    """Exchange an authorization code for the tokens of the user's account."""
    tokens, body = oauth.request_tokens(
        api,
        {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
        },
    )
    open_id = text(body, "open_id")
    if not open_id:
        raise Transient("bad_answer", "TikTok did not say whose account it is")
    scopes = tokens.scopes or frozenset()
    account = ConnectedAccount(
        access_token=tokens.access_token,
        platform_user_id=open_id,
        username=_username(api, tokens.access_token, scopes),
        scopes=tuple(sorted(scopes)),
        expires_at=tokens.expires_at,
        refresh_token=tokens.refresh_token,
    )
    return [account]


def _username(api: Api, token: str, scopes: frozenset[str]) -> str:
    """Return the account's name, for display only; empty if it cannot be read."""
    field = "username" if PROFILE_SCOPE in scopes else "display_name"
    try:
        response = transport.call(
            "GET",
            f"{api.url}/v2/user/info/",
            params={"fields": field},
            headers={"Authorization": f"Bearer {token}"},
        )
    except PublishError as error:
        logger.info("name of a new account not read: %s", error.code)
        return ""
    return text(child(child(response.json_object(), "data"), "user"), field)[:255]
