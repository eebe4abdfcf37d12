"""Instagram's tokens: exchanged for long-lived ones; only Instagram Login's can be refreshed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, jsonify, request

from sandbox.core.accounts import Account
from sandbox.core.consents import spend_code
from sandbox.core.errors import Refusal
from sandbox.core.ids import secret
from sandbox.core.world import current_world
from sandbox.instagram.accounts import KIND, LONG_SECONDS
from sandbox.instagram.api import API, check_token, token_value

MIN_AGE = timedelta(hours=24)
SHORT_SECONDS = 3600


def _need(*names: str) -> None:
    missing = [name for name in names if not request.args.get(name)]
    if missing:
        raise Refusal("100", f"(#100) Missing parameter: {missing[0]}", status=400)


def _check_secret() -> None:
    settings = current_world().settings
    if request.args.get("client_id", settings.client_id) != settings.client_id:
        raise Refusal("100", "Error validating application.")
    if request.args["client_secret"] != settings.client_secret:
        raise Refusal("1", "Error validating client secret.")  # code 1, as observed on the live API


def _lived(account: Account, seconds: float) -> Response:
    world = current_world()
    now = world.clock.now()
    token = world.accounts.issue_access(account, now, seconds, KIND.access_prefix)
    return jsonify(access_token=token.value, token_type="bearer", expires_in=int(seconds))


def _long_lived(account: Account) -> Response:
    return _lived(account, account.options.token_seconds or LONG_SECONDS)


def _exchange_owner(version: str = "") -> str | None:
    value = request.args.get("fb_exchange_token") or token_value()
    token = current_world().accounts.access(value)
    return token.account.id if token and token.account.platform == "INSTAGRAM" else None


@API.call("instagram.token", "/graph/oauth/access_token", "GET", account=_exchange_owner)
@API.call("instagram.token", "/graph/<version>/oauth/access_token", "GET", account=_exchange_owner)
def exchange_facebook_token(version: str = "") -> Response:
    """Facebook Login: exchange a code for a short token, or that for one that lives 60 days.

    The application also gets a token of its own, which grants nothing here.
    """
    if request.args.get("grant_type") == "client_credentials":
        _need("client_id", "client_secret")
        _check_secret()
        return jsonify(access_token=secret(), token_type="bearer")
    if request.args.get("grant_type") != "fb_exchange_token":
        _need("client_id", "client_secret", "redirect_uri", "code")
        _check_secret()
        return _lived(_consenting("facebook", request.args), SHORT_SECONDS)
    _need("client_id", "client_secret", "fb_exchange_token")
    _check_secret()
    token = current_world().accounts.access(request.args["fb_exchange_token"])
    return _long_lived(check_token(token, login_type="facebook"))


def _consenting(login_type: str, given: Mapping[str, str]) -> Account:
    account = spend_code(current_world(), "INSTAGRAM", given["code"], given["redirect_uri"])
    if account is None or account.options.login_type != login_type:
        raise Refusal("100", "This authorization code has expired.", status=400)
    return account


@API.call("instagram.token", "/instagram/oauth/access_token", "POST", account=lambda: None)
def exchange_instagram_code() -> Response:
    """Instagram Login: exchange a code for a token that lives an hour."""
    form, settings = request.form, current_world().settings
    names = ("client_id", "client_secret", "grant_type", "redirect_uri", "code")
    if not all(form.get(name) for name in names) or form["grant_type"] != "authorization_code":
        raise Refusal("100", "(#100) Missing parameter", status=400)
    if (form["client_id"], form["client_secret"]) != (settings.client_id, settings.client_secret):
        raise Refusal("100", "Invalid platform app", status=400)
    account = _consenting("instagram", form)
    short: dict[str, Any] = _lived(account, SHORT_SECONDS).get_json()
    permissions = ",".join(sorted(account.scopes))
    token = {"access_token": short["access_token"], "user_id": account.id}
    return jsonify(data=[{**token, "permissions": permissions}])


@API.call("instagram.token", "/instagram/access_token", "GET", account=_exchange_owner)
def exchange_instagram_token() -> Response:
    """Instagram Login: exchange a short token for one that lives 60 days."""
    _need("grant_type", "client_secret", "access_token")
    if request.args["grant_type"] != "ig_exchange_token":
        raise Refusal("100", "Unsupported grant_type")
    _check_secret()
    token = current_world().accounts.access(request.args["access_token"])
    return _long_lived(check_token(token, login_type="instagram"))


@API.call("instagram.token", "/instagram/refresh_access_token", "GET", account=_exchange_owner)
def refresh_token() -> Response:
    """Instagram Login: refresh a token that is at least a day old and has not expired."""
    _need("grant_type")
    if request.args["grant_type"] != "ig_refresh_token":
        raise Refusal("100", "Unsupported grant_type")
    world = current_world()
    token = world.accounts.access(token_value())
    account = check_token(token, login_type="instagram")
    if "instagram_business_basic" not in account.scopes:
        raise Refusal("100", "The token lacks instagram_business_basic.", status=400)
    if token is not None and world.clock.now() - token.issued_at < MIN_AGE:
        raise Refusal("100", "The token is younger than 24 hours.", status=400)
    return _long_lived(account)
