"""TikTok's OAuth: refreshing rotates the refresh token, and errors come with HTTP 200."""

from flask import Response, jsonify, request

from sandbox.core.accounts import Account, Token
from sandbox.core.consents import spend_code
from sandbox.core.errors import Refusal
from sandbox.core.fields import form_fields
from sandbox.core.world import World, current_world
from sandbox.tiktok.accounts import KIND
from sandbox.tiktok.api import API, authorize, ok
from sandbox.tiktok.state import count_call

REFRESH_FIELDS = {"client_key", "client_secret", "grant_type", "refresh_token"}
CODE_FIELDS = {"client_key", "client_secret", "grant_type", "code", "redirect_uri"}
USER_FIELDS = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "display_name": "user.info.basic",
    "username": "user.info.profile",
}


def _form() -> dict[str, str]:
    try:
        form = form_fields()
    except ValueError as exc:
        raise Refusal("invalid_request", str(exc)) from exc
    settings = current_world().settings
    if not form.get("client_key") or not form.get("client_secret"):
        raise Refusal("invalid_request", "client_key and client_secret are required")
    if (form["client_key"], form["client_secret"]) != (settings.client_id, settings.client_secret):
        raise Refusal("invalid_client")
    return form


@API.call("tiktok.token", "/tiktok/v2/oauth/token/", "POST")
def give_tokens() -> Response:
    """Exchange a code or a refresh token for new tokens; the one sent stops working."""
    form = _form()
    grant = form.get("grant_type")
    if not grant:
        raise Refusal("invalid_request", "grant_type is required")
    if grant == "authorization_code":
        return _exchange_code(form)
    if grant != "refresh_token":
        raise Refusal("unsupported_grant_type")
    if not form.get("refresh_token") or set(form) - REFRESH_FIELDS:
        raise Refusal("invalid_request", "refresh_token is required, and nothing unknown")
    world = current_world()
    return _tokens(world, _spend_refresh_token(world, form["refresh_token"]))


def _exchange_code(form: dict[str, str]) -> Response:
    if set(form) != CODE_FIELDS or not form["code"]:
        raise Refusal("invalid_request", "code and redirect_uri are required, and nothing unknown")
    world = current_world()
    account = spend_code(world, "TIKTOK", form["code"], form["redirect_uri"])
    if account is None:
        raise Refusal("invalid_grant", "Authorization code is invalid or expired.")
    return _tokens(world, account)


def _spend_refresh_token(world: World, value: str) -> Account:
    token = world.accounts.refresh(value)
    if token is None or token.account.platform != "TIKTOK":
        raise Refusal("invalid_grant")
    if token.is_expired(world.clock.now()) or not world.accounts.drop_refresh(token):
        raise Refusal("invalid_grant")
    return token.account


def _tokens(world: World, account: Account) -> Response:
    now, options = world.clock.now(), account.options
    access = world.accounts.issue_access(account, now, options.token_seconds, KIND.access_prefix)
    refresh = world.accounts.issue_refresh(
        account, now, options.refresh_token_seconds, str(KIND.refresh_prefix)
    )
    return jsonify(
        access_token=access.value,
        expires_in=int(options.token_seconds),
        open_id=account.id,
        refresh_token=refresh.value,
        refresh_expires_in=int(options.refresh_token_seconds),
        scope=",".join(sorted(account.scopes)),
        token_type="Bearer",
    )


def _token_owner() -> str | None:
    token = _any_token(request.form.get("token"))
    return token.account.id if token else None


def _any_token(value: str | None) -> Token | None:
    accounts = current_world().accounts
    token = accounts.access(value) or accounts.refresh(value)
    return token if token and token.account.platform == "TIKTOK" else None


@API.call("tiktok.revoke", "/tiktok/v2/oauth/revoke/", "POST", account=lambda: _token_owner())
def revoke_token() -> Response:
    """Disconnect the app; answers with an empty body."""
    token = _any_token(_form().get("token"))
    if token is None:
        raise Refusal("invalid_request", "token is invalid")
    current_world().accounts.revoke(token.account)
    return Response(status=200)


@API.call("tiktok.user_info", "/tiktok/v2/user/info/", "GET")
def read_user() -> Response:
    """Return the requested fields of the token's user."""
    account = authorize("user.info.basic", "user.info.profile")
    count_call("user_info", current_world().settings.tiktok_videos_per_minute)
    names = [name for name in request.args.get("fields", "").split(",") if name]
    if not names or any(name not in USER_FIELDS for name in names):
        raise Refusal("invalid_params", "fields is missing or has an unknown field")
    if any(USER_FIELDS[name] not in account.scopes for name in names):
        raise Refusal("scope_permission_missed")
    user = {
        "open_id": account.id,
        "union_id": f"union-{account.id}",
        "avatar_url": "https://p16-sign.tiktokcdn-us.com/avatar.jpeg",
        "display_name": account.username,
        "username": account.username,
    }
    return ok({"user": {name: user[name] for name in names}})
