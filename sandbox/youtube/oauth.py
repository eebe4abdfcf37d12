"""Google's token endpoint: a refresh gives an access token and no new refresh token."""

from flask import Response, jsonify, request

from sandbox.core.accounts import Token
from sandbox.core.errors import Refusal
from sandbox.core.fields import form_fields
from sandbox.core.world import current_world
from sandbox.youtube.accounts import KIND
from sandbox.youtube.api import API

REFRESH_FIELDS = {"client_id", "client_secret", "grant_type", "refresh_token"}


def _form() -> dict[str, str]:
    try:
        return form_fields()
    except ValueError as exc:
        raise Refusal("invalid_request", str(exc)) from exc


@API.call("youtube.token", "/google/token", "POST")
def refresh_token() -> Response:
    """Give a new access token for a refresh token, which stays good."""
    form = _form()
    settings = current_world().settings
    if (form.get("client_id"), form.get("client_secret")) != (
        settings.client_id,
        settings.client_secret,
    ):
        raise Refusal("invalid_client")
    grant = form.get("grant_type")
    if grant == "authorization_code":
        raise Refusal("invalid_grant", "Malformed auth code.")
    if grant != "refresh_token":
        raise Refusal("unsupported_grant_type")
    if set(form) != REFRESH_FIELDS:
        raise Refusal("invalid_request", "refresh_token is required, and nothing unknown")
    return _access(_good_refresh_token(form["refresh_token"]))


def _good_refresh_token(value: str) -> Token:
    world = current_world()
    token = world.accounts.refresh(value)
    if token is None or token.account.platform != "YOUTUBE":
        raise Refusal("invalid_grant")
    if token.is_expired(world.clock.now()):
        raise Refusal("invalid_grant")
    return token


def _access(refresh: Token) -> Response:
    world, account = current_world(), refresh.account
    seconds = account.options.token_seconds
    access = world.accounts.issue_access(account, world.clock.now(), seconds, KIND.access_prefix)
    return jsonify(
        access_token=access.value,
        expires_in=int(seconds),
        scope=" ".join(sorted(account.scopes)),
        token_type="Bearer",
    )


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
