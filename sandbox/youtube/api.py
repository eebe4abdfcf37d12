"""YouTube's response format, callers, and quota costs."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.core.accounts import Account
from sandbox.core.calls import PlatformApi
from sandbox.core.errors import Refusal
from sandbox.core.fields import bearer_token, json_object
from sandbox.core.world import current_world
from sandbox.youtube.errors import ERRORS, FAIL_REASONS, OAUTH
from sandbox.youtube.state import spend_units, spend_upload

_STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 400: "INVALID_ARGUMENT"}


def _envelope(reason: str, status: int, message: str) -> dict[str, Any]:
    error: dict[str, Any] = {"code": status, "message": message}
    if reason in ("RESOURCE_EXHAUSTED", "ALREADY_EXISTS"):
        error["status"] = reason  # the newer format, without a list of errors
        if reason == "RESOURCE_EXHAUSTED":
            metadata = {"service": "youtube.googleapis.com", "quota_unit": "1/d/{project}"}
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "RATE_LIMIT_EXCEEDED",
                    "domain": "googleapis.com",
                    "metadata": metadata,
                }
            ]
        return {"error": error}
    error["errors"] = [{"domain": "youtube.api", "reason": reason, "message": message}]
    if status in _STATUS:
        error["status"] = _STATUS[status]
    return {"error": error}


def _render(call: str, refusal: Refusal) -> Response:
    spec = ERRORS[refusal.code]
    status = refusal.status or spec.status_for(call)
    message = refusal.message or spec.message
    if spec.code.startswith("session"):
        response = Response(message, content_type="text/plain")
    elif call in OAUTH:
        error = "invalid_grant" if spec.code == "invalid_rapt" else spec.code
        body = {"error": error, "error_description": message}
        if spec.code == "invalid_rapt":
            body["error_subtype"] = "invalid_rapt"
        response = jsonify(body)
    else:
        response = jsonify(_envelope(spec.code, status, message))
    response.status_code = status
    response.headers.update(refusal.headers)
    return response


def _identify() -> str | None:
    accounts = current_world().accounts
    token = accounts.access(bearer_token()) or accounts.refresh(request.form.get("refresh_token"))
    return token.account.id if token and token.account.platform == "YOUTUBE" else None


API = PlatformApi(
    "YOUTUBE",
    errors=ERRORS,
    fail_reasons=FAIL_REASONS,
    render=_render,
    identify=_identify,
    throttled_code="rateLimitExceeded",
    bad_request_code="badRequest",
    streams=frozenset({"youtube.upload", "youtube.thumbnail"}),
)


def check_token(account: Account | None = None) -> Account:
    """Return the account of the call's token; with `account`, it has to be that one."""
    world = current_world()
    value = bearer_token()
    if value is None:
        raise Refusal("authorizationRequired")
    token = world.accounts.access(value)
    if token is None or token.account.platform != "YOUTUBE" or token.account.revoked:
        raise Refusal("authError")
    if token.is_expired(world.clock.now()):
        raise Refusal("authError", "Request had expired authentication credentials.")
    if account is not None and token.account is not account:
        raise Refusal("forbidden")
    return token.account


def authorize(scopes: tuple[str, ...], *, units: int) -> Account:
    """Return the caller and charge `units`. A session costs one upload instead (units 0).

    As at Google, a refused call is charged too, unless its token was bad.
    """
    account = check_token()
    if not account.scopes.intersection(scopes):
        raise Refusal("insufficientPermissions")
    world = current_world()
    if units:
        spend_units(world, units)
    else:
        spend_upload(world)
    return account


def read_body() -> dict[str, Any]:
    """Return the JSON body. Refuses anything else."""
    try:
        return json_object()
    except ValueError as exc:
        raise Refusal("badRequest", str(exc)) from exc


def read_parts(allowed: frozenset[str]) -> list[str]:
    """Return the names in the `part` parameter. Refuses an empty list and unknown names."""
    parts = [part for part in request.args.get("part", "").split(",") if part]
    if not parts or not allowed.issuperset(parts):
        raise Refusal("badRequest", "part is missing or has an unknown name")
    return parts
