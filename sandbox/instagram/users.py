"""Instagram: the account itself, and the Pages behind a Facebook login."""

from typing import Any

from flask import Response

from sandbox.core.accounts import Account
from sandbox.core.world import current_world
from sandbox.instagram.accounts import BASIC, FACEBOOK_SCOPES, KIND
from sandbox.instagram.api import API, answer, authorize, select
from sandbox.instagram.paging import read_cursor
from sandbox.instagram.state import state


def describe_user(account: Account) -> dict[str, Any]:
    """Return every field of the account."""
    return {
        "id": account.id,
        "user_id": account.id,
        "username": account.username,
        "name": account.username,
        "profile_picture_url": "https://scontent.cdninstagram.com/picture.jpg",
        "followers_count": 0,
        "media_count": current_world().posts.count("INSTAGRAM", account.id),
        "account_type": "BUSINESS",
    }


@API.call("instagram.user", "/instagram/<version>/me", "GET")
def read_me(version: str) -> Response:
    """Instagram Login: return the token's account."""
    return answer(**select(describe_user(authorize(version, BASIC))))


@API.call("instagram.pages", "/graph/<version>/me/accounts", "GET")
def list_pages(version: str) -> Response:
    """Facebook Login: list the Pages, each with a Page token that does not expire.

    The setting `instagram_other_pages` says how many without an Instagram account come first.
    """
    account = authorize(version, ("pages_show_list",))
    others = range(current_world().settings.instagram_other_pages)
    pages: list[dict[str, Any]] = [
        {
            "id": f"2{number:014}",
            "name": "Another Page",
            "access_token": "x",
            "instagram_business_account": None,
        }
        for number in others
    ]
    page = {
        "id": "1" + account.id[1:],
        "name": account.username,
        "access_token": _page_token(account),
        "instagram_business_account": {"id": account.id},
    }
    pages.append(page)
    cursor = read_cursor()
    end = cursor.start + cursor.limit
    data = [select(one) for one in pages[cursor.start : end]]
    return answer(data=data, paging=cursor.paging(has_more=len(pages) > end))


@API.call("instagram.permissions", "/graph/<version>/me/permissions", "GET")
def list_permissions(version: str) -> Response:
    """Facebook Login: return the granted permissions."""
    account = authorize(version, FACEBOOK_SCOPES)
    granted = [{"permission": name, "status": "granted"} for name in sorted(account.scopes)]
    return answer(data=granted)


def _page_token(account: Account) -> str:
    world = current_world()
    with world.lock:
        tokens = state().page_tokens
        if account.id not in tokens or world.accounts.access(tokens[account.id]) is None:
            now = world.clock.now()
            tokens[account.id] = world.accounts.issue_access(
                account, now, None, KIND.access_prefix
            ).value
        return tokens[account.id]
