"""Instagram: the account itself, and the Pages behind a Facebook login."""

from typing import Any

from flask import Response

from sandbox.core.accounts import Account
from sandbox.core.world import current_world
from sandbox.instagram.accounts import BASIC, FACEBOOK_SCOPES, KIND
from sandbox.instagram.api import API, answer, authorize, select
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
    """Facebook Login: return the Page, with a Page token that does not expire."""
    account = authorize(version, ("pages_show_list",))
    page = {
        "id": "1" + account.id[1:],
        "name": account.username,
        "access_token": _page_token(account),
        "instagram_business_account": {"id": account.id},
    }
    return answer(data=[select(page)])


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
