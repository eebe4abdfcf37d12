"""Connects Instagram accounts, by either of the two logins.

https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from workers.errors import AccountRefused, RequestRefused, TokenExpired
from workers.platforms.base import Access, Api, Tokens
from workers.platforms.budget import Unlimited
from workers.platforms.connecting import Grant, Opened
from workers.platforms.fields import Fields, child, children, text
from workers.platforms.instagram import oauth
from workers.platforms.instagram.client import INSTAGRAM_LOGIN, Graph
from workers.platforms.instagram.fields import identifier
from workers.platforms.instagram.refusals import FACEBOOK_LOGIN, failure
from workers.transport import Response, call

NO_ACCOUNT_HINT = "Link a professional Instagram account to a Page of yours, and connect again"


def connect(api: Api, grant: Grant) -> Sequence[Opened]:
    """Exchange a code for the long-lived tokens of the accounts that it opens."""
    if grant.login_type == INSTAGRAM_LOGIN:
        return [_by_instagram(api, grant)]
    return _by_facebook(api, grant)


def _by_instagram(api: Api, grant: Grant) -> Opened:
    form = {
        "client_id": api.login_client_id,
        "client_secret": api.login_client_secret,
        "grant_type": "authorization_code",
        "redirect_uri": grant.redirect_uri,
        "code": grant.code,
    }
    answer = call("POST", f"{api.login_token_url}/oauth/access_token", data=form)
    # Its answer comes with and without a list around it.
    whole = _checked(answer, INSTAGRAM_LOGIN)
    short = children(whole, "data")[0] if children(whole, "data") else whole
    longer = {
        "grant_type": "ig_exchange_token",
        "client_secret": api.login_client_secret,
        "access_token": text(short, "access_token"),
    }
    tokens = _tokens(call("GET", f"{api.oauth_url}/access_token", params=longer), INSTAGRAM_LOGIN)
    me = _graph(api, tokens, INSTAGRAM_LOGIN).get("me", fields="user_id,username")
    me = children(me, "data")[0] if children(me, "data") else me
    user_id = identifier(me, "user_id")
    if user_id is None:
        raise _no_account()
    return Opened(
        access_token=tokens.access_token,
        platform_user_id=user_id,
        username=text(me, "username")[:255],
        scopes=_permissions(short),
        expires_at=tokens.expires_at,
    )


def _by_facebook(api: Api, grant: Grant) -> list[Opened]:
    url = f"{api.url}/{api.version}/oauth/access_token"
    client = {"client_id": api.client_id, "client_secret": api.client_secret}
    given = {**client, "redirect_uri": grant.redirect_uri, "code": grant.code}
    short = _checked(call("GET", url, params=given), FACEBOOK_LOGIN)
    longer = {
        **client,
        "grant_type": "fb_exchange_token",
        "fb_exchange_token": text(short, "access_token"),
    }
    tokens = _tokens(call("GET", url, params=longer), FACEBOOK_LOGIN)
    graph = _graph(api, tokens, FACEBOOK_LOGIN)
    scopes = tuple(_granted(graph.get("me/permissions")))
    pages = graph.get("me/accounts", fields="id,name,access_token,instagram_business_account")
    opened = [
        Opened(
            # A Page's token has no end of its own, unlike the user's.
            access_token=text(page, "access_token"),
            platform_user_id=user_id,
            username=_username(api, text(page, "access_token"), user_id),
            scopes=scopes,
        )
        for page in children(pages, "data")
        if (user_id := identifier(child(page, "instagram_business_account"), "id"))
        and text(page, "access_token")
    ]
    if not opened:
        raise _no_account()
    return opened


def _username(api: Api, token: str, user_id: str) -> str:
    graph = Graph(api, Access(token, user_id, login_type=FACEBOOK_LOGIN), _now, Unlimited())
    return text(graph.get(user_id, fields="id,username"), "username")[:255]


def _granted(permissions: Fields) -> Iterator[str]:
    for one in children(permissions, "data"):
        if text(one, "status") == "granted":
            yield text(one, "permission")


def _permissions(short: Fields) -> tuple[str, ...]:
    """Return the scopes: a list, or one text with commas."""
    listed = short.get("permissions")
    names = listed if isinstance(listed, list) else text(short, "permissions").split(",")
    return tuple(sorted({str(name).strip() for name in names} - {""}))


def _tokens(answer: Response, login_type: str) -> Tokens:
    return oauth.tokens_of(_checked(answer, login_type), _now())


def _checked(answer: Response, login_type: str) -> Mapping[str, object]:
    """Return a success; a code that is refused looks like a token that has ended."""
    error = failure(answer, now=_now(), login_type=login_type)
    if isinstance(error, (TokenExpired, AccountRefused)):
        raise RequestRefused(error.code, error.detail) from error
    if error is not None:
        raise error
    return answer.json_object()


def _graph(api: Api, tokens: Tokens, login_type: str) -> Graph:
    return Graph(api, Access(tokens.access_token, "", login_type=login_type), _now, Unlimited())


def _no_account() -> AccountRefused:
    return AccountRefused(
        "no_account", "no professional Instagram account was shared", hint=NO_ACCOUNT_HINT
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)
