"""Google's token endpoint: a refresh returns an access token but no new refresh token."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.core.accounts import Account, Token
from sandbox.core.consents import spend_code
from sandbox.core.errors import Refusal
from sandbox.core.fields import form_fields
from sandbox.core.world import current_world
from sandbox.youtube.accounts import KIND
from sandbox.youtube.api import API

REFRESH_FIELDS = {"client_id", "client_secret", "grant_type", "refresh_token"}
CODE_FIELDS = {"client_id", "client_secret", "grant_type", "code", "redirect_uri"}


def _form() -> dict[str, str]:
    try:
        return form_fields()
    except ValueError as exc:
        raise Refusal("invalid_request", str(exc)) from exc


@API.call("youtube.token", "/google/token", "POST")
def give_tokens() -> Response:
    """Issue an access token for a refresh token, which stays valid, or both for a code."""
    form = _form()
    settings = current_world().settings
    if (form.get("client_id"), form.get("client_secret")) != (
        settings.client_id,
        settings.client_secret,
    ):
        raise Refusal("invalid_client")
    grant = form.get("grant_type")
    if grant == "authorization_code":
        return _exchange_code(form)
    if grant != "refresh_token":
        raise Refusal("unsupported_grant_type")
    if set(form) != REFRESH_FIELDS:
        raise Refusal("invalid_request", "refresh_token is required, and nothing unknown")
    return jsonify(_access(_good_refresh_token(form["refresh_token"]).account))


def _exchange_code(form: dict[str, str]) -> Response:
    if set(form) - {"code_verifier"} != CODE_FIELDS:
        raise Refusal("invalid_request", "code and redirect_uri are required, and nothing unknown")
    world, verifier = current_world(), form.get("code_verifier", "")
    account = spend_code(world, "YOUTUBE", form["code"], form["redirect_uri"], verifier)
    if account is None:
        raise Refusal("invalid_grant", "Malformed auth code.")
    lifetime = account.options.refresh_token_seconds
    prefix = str(KIND.refresh_prefix)
    refresh = world.accounts.issue_refresh(account, world.clock.now(), lifetime, prefix)
    return jsonify({**_access(account), "refresh_token": refresh.value})


def _good_refresh_token(value: str) -> Token:
    world = current_world()
    token = world.accounts.refresh(value)
    if token is None or token.account.platform != "YOUTUBE":
        raise Refusal("invalid_grant")
    if token.is_expired(world.clock.now()):
        raise Refusal("invalid_grant")
    return token


def _access(account: Account) -> dict[str, Any]:
    world = current_world()
    seconds = account.options.token_seconds
    access = world.accounts.issue_access(account, world.clock.now(), seconds, KIND.access_prefix)
    return {
        "access_token": access.value,
        "expires_in": int(seconds),
        "scope": " ".join(sorted(account.scopes)),
        "token_type": "Bearer",
    }


def _any_token() -> Token | None:
    accounts = current_world().accounts
    value = request.form.get("token")
    token = accounts.access(value) or accounts.refresh(value)
    return token if token and token.account.platform == "YOUTUBE" else None


def _token_owner() -> str | None:
    token = _any_token()
    return token.account.id if token else None


@API.call("youtube.revoke", "/google/revoke", "POST", account=_token_owner)
def revoke_token() -> Response:
    """Disconnect the app."""
    _form()
    token = _any_token()
    if token is None or token.account.revoked:
        raise Refusal("invalid_token")
    current_world().accounts.revoke(token.account)
    return jsonify({})
