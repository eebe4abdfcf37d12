"""Connecting Instagram accounts by OAuth consent, through either login type.

https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from workers.errors import AccountRefused, PublishError, RequestRefused, TokenExpired
from workers.platforms.base import Access, Api, Tokens
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import ReadContext
from workers.platforms.fields import Fields, child, children, text
from workers.platforms.instagram import oauth
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.fields import identifier, next_cursor, sentence
from workers.platforms.instagram.logins import FACEBOOK_LOGIN, INSTAGRAM_LOGIN
from workers.platforms.instagram.refusals import api_error
from workers.platforms.verdicts import CODE_MAX_CHARS
from workers.transport import Response, call

_PAGE_FIELDS = "id,name,access_token,instagram_business_account"
#: Pages of a user are read in lists of so many, up to so many lists.
LIST_PAGES = 100
LISTS_MAX = 20
NO_ACCOUNT_HINT = "Link a professional Instagram account to a Page of yours, and connect again"


def connect(api: Api, grant: Grant) -> Sequence[ConnectedAccount]:
    """Exchange an authorization code for long-lived tokens of the accounts it gives access to."""
    if grant.login_type == INSTAGRAM_LOGIN:
        return [_by_instagram_login(api, grant)]
    return _by_facebook_login(api, grant)


def _by_instagram_login(api: Api, grant: Grant) -> ConnectedAccount:
    form = {
        "client_id": api.login_client_id,
        "client_secret": api.login_client_secret,
        "grant_type": "authorization_code",
        "redirect_uri": grant.redirect_uri,
        "code": grant.code,
    }
    response = call("POST", f"{api.login_token_url}/oauth/access_token", data=form)
    _refuse_code(response)
    short_lived = _unwrapped(_checked(response, INSTAGRAM_LOGIN))
    exchange = {
        "grant_type": "ig_exchange_token",
        "client_secret": api.login_client_secret,
        "access_token": text(short_lived, "access_token"),
    }
    response = call("GET", f"{api.oauth_url}/access_token", params=exchange)
    tokens = _tokens(response, INSTAGRAM_LOGIN)
    client = _client(api, tokens.access_token, INSTAGRAM_LOGIN)
    me = _unwrapped(client.get("me", fields="user_id,username"))
    user_id = identifier(me, "user_id")
    if user_id is None:
        raise _no_account()
    return ConnectedAccount(
        access_token=tokens.access_token,
        platform_user_id=user_id,
        username=text(me, "username")[:255],
        scopes=_permissions(short_lived),
        expires_at=tokens.expires_at,
    )


def _refuse_code(response: Response) -> None:
    """Raise `RequestRefused` for the form in which Instagram Login's token host refuses a code.

    https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
    """
    fields = response.json_object()
    kind, detail = text(fields, "error_type"), sentence(text(fields, "error_message"))
    if response.status == 400 and kind and detail:
        raise RequestRefused(sentence(kind)[:CODE_MAX_CHARS], detail)


def _by_facebook_login(api: Api, grant: Grant) -> list[ConnectedAccount]:
    url = f"{api.url}/{api.version}/oauth/access_token"
    app = {"client_id": api.client_id, "client_secret": api.client_secret}
    code = {**app, "redirect_uri": grant.redirect_uri, "code": grant.code}
    short_lived = _checked(call("GET", url, params=code), FACEBOOK_LOGIN)
    exchange = {
        **app,
        "grant_type": "fb_exchange_token",
        "fb_exchange_token": text(short_lived, "access_token"),
    }
    tokens = _tokens(call("GET", url, params=exchange), FACEBOOK_LOGIN)
    client = _client(api, tokens.access_token, FACEBOOK_LOGIN)
    scopes = tuple(
        text(permission, "permission")
        for permission in children(client.get("me/permissions"), "data")
        if text(permission, "status") == "granted"
    )
    accounts = [
        ConnectedAccount(
            # Unlike the user's token, a Page's does not expire.
            access_token=text(page, "access_token"),
            platform_user_id=user_id,
            username=_username(api, text(page, "access_token"), user_id),
            scopes=scopes,
        )
        for page in _pages(client)
        if (user_id := identifier(child(page, "instagram_business_account"), "id"))
        and text(page, "access_token")
    ]
    if not accounts:
        raise _no_account()
    return accounts


def _pages(client: Client) -> Iterator[Fields]:
    """Yield the user's Pages; without paging, Graph returns only the first 25."""
    after = ""
    for _ in range(LISTS_MAX):
        cursor = {"after": after} if after else {}
        listed = client.get("me/accounts", fields=_PAGE_FIELDS, limit=LIST_PAGES, **cursor)
        yield from children(listed, "data")
        after = next_cursor(listed)
        if not after:
            return


def _username(api: Api, token: str, user_id: str) -> str:
    """Return the account's name; empty if it cannot be read, and it is connected all the same."""
    client = _client(api, token, FACEBOOK_LOGIN)
    try:
        return text(client.get(user_id, fields="id,username"), "username")[:255]
    except PublishError:
        return ""


def _permissions(short_lived: Fields) -> tuple[str, ...]:
    """Return the granted scopes, which come as a list or as comma-separated text."""
    listed = short_lived.get("permissions")
    names = listed if isinstance(listed, list) else text(short_lived, "permissions").split(",")
    return tuple(sorted({str(name).strip() for name in names} - {""}))


def _unwrapped(fields: Fields) -> Fields:
    """Return the object of a response that comes with or without a `data` list around it."""
    wrapped = children(fields, "data")
    return wrapped[0] if wrapped else fields


def _tokens(response: Response, login_type: str) -> Tokens:
    return oauth.tokens_of(_checked(response, login_type), _now())


def _checked(response: Response, login_type: str) -> Fields:
    """Return the body of a success; a refused code looks like an expired token."""
    error = api_error(response, _now(), login_type=login_type)
    if isinstance(error, (TokenExpired, AccountRefused)):
        raise RequestRefused(error.code, error.detail) from error
    if error is not None:
        raise error
    return response.json_object()


def _client(api: Api, token: str, login_type: str) -> Client:
    return Client(api, ReadContext(Access(token, "", login_type=login_type), _now))


def _no_account() -> AccountRefused:
    return AccountRefused(
        "no_account", "no professional Instagram account was shared", hint=NO_ACCOUNT_HINT
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)
