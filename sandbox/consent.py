"""The platforms' consent pages: a person chooses an account and what the app may do.

As strict as the real ones about the app's request; the page itself is the sandbox's own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request

from sandbox.core.accounts import Account, AccountOptions
from sandbox.core.consents import issue_code
from sandbox.core.kinds import make_account
from sandbox.core.world import current_world
from sandbox.platforms import PLATFORMS

blueprint = Blueprint("consent", __name__)
NEW = "new"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class BadRequest(Exception):
    """Raised when the platform would show no consent page for the app's request."""


@dataclass(frozen=True)
class Page:
    """The consent page of one login: its URL and what its query must contain."""

    platform: str
    rule: str
    client_parameter: str = "client_id"
    separator: str = ","
    login_type: str = "facebook"
    has_pkce: bool = False


PAGES = (
    Page("TIKTOK", "/tiktok/v2/auth/authorize/", client_parameter="client_key"),
    Page("INSTAGRAM", "/graph/<version>/dialog/oauth"),
    Page("INSTAGRAM", "/instagram/oauth/authorize", login_type="instagram"),
    Page("YOUTUBE", "/google/o/oauth2/v2/auth", separator=" ", has_pkce=True),
)


@dataclass(frozen=True)
class Wish:
    """What the app requests."""

    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    challenge: str = ""


def _view_of(page: Page) -> Callable[..., Response]:
    def view(version: str = "") -> Response:
        try:
            wish = _wish(page, version)
        except BadRequest as error:
            return make_response(render_template("refused.html", words=str(error)), 400)
        if request.method == "GET":
            return _show(page, wish)
        return _decide(page, wish)

    return view


for _page in PAGES:
    blueprint.add_url_rule(
        _page.rule, _page.rule.replace(".", "-"), _view_of(_page), methods=["GET", "POST"]
    )


def _wish(page: Page, version: str) -> Wish:
    settings, query = current_world().settings, request.args
    if query.get(page.client_parameter) != settings.client_id:
        raise BadRequest(f"{page.client_parameter} is not that of an app")
    if version and version != settings.instagram_graph_version:
        raise BadRequest("no such version")
    if query.get("response_type") != "code":
        raise BadRequest("response_type must be code")
    target = urlsplit(query.get("redirect_uri", ""))
    if target.scheme not in ("http", "https") or not target.hostname or target.fragment:
        raise BadRequest("redirect_uri must be an absolute URL without a fragment")
    if not query.get("state"):
        raise BadRequest("state is required")
    scopes = tuple(name for name in query.get("scope", "").split(page.separator) if name)
    known = PLATFORMS[page.platform].accounts.scopes(AccountOptions(login_type=page.login_type))
    if not scopes or not set(known).issuperset(scopes):
        raise BadRequest("scope is missing, or has an unknown name")
    return Wish(query["redirect_uri"], query["state"], scopes, _challenge(page))


def _challenge(page: Page) -> str:
    challenge = request.args.get("code_challenge", "")
    if not challenge:
        return ""
    is_sound = request.args.get("code_challenge_method") == "S256" and _CHALLENGE.fullmatch(
        challenge
    )
    if not page.has_pkce or not is_sound:
        raise BadRequest("code_challenge is not one of this platform's")
    return challenge


def _accounts(page: Page) -> list[Account]:
    return [
        account
        for account in current_world().accounts.all()
        if account.platform == page.platform
        and not account.revoked
        and (page.platform != "INSTAGRAM" or account.options.login_type == page.login_type)
    ]


def _show(page: Page, wish: Wish) -> Response:
    return make_response(
        render_template(
            "consent.html",
            wanted=PLATFORMS[page.platform].account_words,
            accounts=_accounts(page),
            scopes=wish.scopes,
        )
    )


def _decide(page: Page, wish: Wish) -> Response:
    form = request.form
    if form.get("decision") != "allow":
        return _send_back(wish, error="access_denied", error_description="The user refused.")
    granted = [name for name in form.getlist("scope") if name in wish.scopes]
    account = _chosen(page, form.get("account", NEW))
    account.scopes = frozenset(granted)
    code = issue_code(current_world(), account, wish.redirect_uri, wish.challenge)
    return _send_back(wish, code=code)


def _chosen(page: Page, account_id: str) -> Account:
    known = {account.id: account for account in _accounts(page)}
    if account_id in known:
        return known[account_id]
    kind = PLATFORMS[page.platform].accounts
    return make_account(current_world(), kind, AccountOptions(login_type=page.login_type), None)


def _send_back(wish: Wish, **answer: str) -> Response:
    mark = "&" if urlsplit(wish.redirect_uri).query else "?"
    query = urlencode({**answer, "state": wish.state})
    return make_response(redirect(f"{wish.redirect_uri}{mark}{query}"))
