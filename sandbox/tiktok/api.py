"""TikTok's response format and callers."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.core import ids
from sandbox.core.accounts import Account
from sandbox.core.calls import PlatformApi
from sandbox.core.errors import Refusal
from sandbox.core.fields import bearer_token
from sandbox.core.world import current_world
from sandbox.tiktok.errors import ERRORS, FAIL_REASONS, OAUTH


def _log_id() -> str:
    return "20260823" + ids.secret(24).upper()


def ok(data: dict[str, Any]) -> Response:
    """Return `data` in TikTok's envelope."""
    return jsonify(data=data, error={"code": "ok", "message": "", "log_id": _log_id()})


def _render(call: str, refusal: Refusal) -> Response:
    spec = ERRORS[refusal.code]
    message = refusal.message or spec.message
    if call == "tiktok.upload":
        response = Response(message, content_type="text/plain")
    elif call in OAUTH:
        response = jsonify(error=spec.code, error_description=message, log_id=_log_id())
    else:
        response = jsonify(
            data={}, error={"code": spec.code, "message": message, "log_id": _log_id()}
        )
    response.status_code = refusal.status or spec.status_for(call)
    response.headers.update(refusal.headers)
    return response


def _identify() -> str | None:
    token = current_world().accounts.access(bearer_token())
    if token is None:
        token = current_world().accounts.refresh(request.form.get("refresh_token"))
    return token.account.id if token and token.account.platform == "TIKTOK" else None


API = PlatformApi(
    "TIKTOK",
    errors=ERRORS,
    fail_reasons=FAIL_REASONS,
    render=_render,
    identify=_identify,
    throttled_code="rate_limit_exceeded",
    bad_request_code="invalid_params",
    streams=frozenset({"tiktok.upload"}),
)


def authorize(*scopes: str) -> Account:
    """Return the account of the call's token. Refuses a bad one, or one with none of the scopes."""
    world = current_world()
    token = world.accounts.access(bearer_token())
    if token is None or token.account.platform != "TIKTOK" or token.account.revoked:
        raise Refusal("access_token_invalid")
    if token.is_expired(world.clock.now()):
        raise Refusal("access_token_invalid")
    if not token.scopes.intersection(scopes):
        raise Refusal("scope_not_authorized")
    return token.account
