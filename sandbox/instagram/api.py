"""The Graph API's response format, callers by host, and rate limits."""

import json
from typing import Any

from flask import Response, g, jsonify, request

from sandbox.core import ids
from sandbox.core.accounts import Account, Token
from sandbox.core.calls import PlatformApi
from sandbox.core.errors import Refusal
from sandbox.core.fields import bearer_token
from sandbox.core.world import current_world
from sandbox.instagram.errors import ERRORS, FAIL_REASONS, OAUTH_CODES, TRANSIENT
from sandbox.instagram.state import state

HOSTS = {"graph": "facebook", "instagram": "instagram"}


def _error_body(code: str, message: str) -> dict[str, Any]:
    number, _, subcode = code.partition("/")
    error: dict[str, Any] = {
        "message": message,
        "type": "OAuthException" if number in OAUTH_CODES else "IGApiException",
        "is_transient": code in TRANSIENT or number == "internal",
        "fbtrace_id": "A" + ids.secret(22),
    }
    if number.lstrip("-").isdecimal():
        error["code"] = int(number)
    elif number == "internal":
        error["code"] = 2
    else:  # the one code that comes as a word
        error.update(code=100, error_data={"error_code": number}, message=f"{number}: {message}")
    if subcode:
        error["error_subcode"] = int(subcode)
        error["error_user_title"] = "Instagram could not do this"
        error["error_user_msg"] = message
    return {"error": error}


def _render(call: str, refusal: Refusal) -> Response:
    spec = ERRORS[refusal.code]
    message = refusal.message or spec.message
    if call == "instagram.upload":
        retriable = spec.code in ("rupload_retriable", "rupload_throttled")
        failure = {"retriable": retriable, "type": "ProcessingFailedError", "message": message}
        response = jsonify(debug_info=failure)
    else:
        response = jsonify(_error_body(spec.code, message))
    response.status_code = refusal.status or spec.status_for(call)
    response.headers.update(refusal.headers)
    return add_usage(response)


def token_value() -> str | None:
    """Return the token of the header or of the `access_token` parameter."""
    return bearer_token() or request.values.get("access_token")


def _token() -> Token | None:
    token = current_world().accounts.access(token_value())
    return token if token and token.account.platform == "INSTAGRAM" else None


def _identify() -> str | None:
    token = _token()
    return token.account.id if token else None


API = PlatformApi(
    "INSTAGRAM",
    errors=ERRORS,
    fail_reasons=FAIL_REASONS,
    render=_render,
    identify=_identify,
    throttled_code="80002",
    bad_request_code="100",
    streams=frozenset({"instagram.upload"}),
)


def check_version(version: str) -> None:
    """Refuse every version but the one this sandbox speaks."""
    if version != current_world().settings.instagram_graph_version:
        raise Refusal("2635")


def authorize(version: str, scopes: tuple[str, ...]) -> Account:
    """Return the caller. Refuses bad tokens, the other login's tokens and missing scopes."""
    check_version(version)
    account = check_token(_token(), login_type=HOSTS[request.path.split("/")[1]])
    g.usage_account = account
    _count_call(account)
    if not account.scopes.intersection(scopes):
        raise Refusal("10")
    return account


def check_token(token: Token | None, *, login_type: str) -> Account:
    """Return whose token it is. Refuses unknown, expired and revoked ones."""
    if token is None or token.account.options.login_type != login_type:
        raise Refusal("190", "Invalid OAuth access token - Cannot parse access token")
    if token.account.revoked:
        raise Refusal("190/458")
    if token.is_expired(current_world().clock.now()):
        raise Refusal("190/463")
    return token.account


def _count_call(account: Account) -> None:
    world = current_world()
    now = world.clock.now()
    with world.lock:
        calls = state().calls
        if calls.count(account.id, now) >= world.settings.instagram_calls_per_hour:
            raise Refusal("80002")  # throttling comes with HTTP 400
        calls.add(account.id, now)


def add_usage(response: Response) -> Response:
    """Add the usage headers, in percent, and minutes until calls are possible again."""
    account: Account | None = g.get("usage_account")
    if account is None:
        return response
    world = current_world()
    now = world.clock.now()
    with world.lock:
        count = state().calls.count(account.id, now)
        wait = state().calls.seconds_until_free(account.id, now)
        everyone = state().calls.total(now)
    limit = world.settings.instagram_calls_per_hour
    users = len([one for one in world.accounts.all() if one.platform == "INSTAGRAM"])
    app_usage, usage = _usage(everyone, limit * users), _usage(count, limit)
    minutes = int(wait // 60) + 1 if count >= limit else 0
    business = [{"type": "instagram", **usage, "estimated_time_to_regain_access": minutes}]
    response.headers["X-App-Usage"] = json.dumps(app_usage)
    response.headers["X-Business-Use-Case-Usage"] = json.dumps({account.id: business})
    return response


def _usage(count: int, limit: int) -> dict[str, int]:
    percent = count * 100 // limit if limit else 100
    return {"call_count": percent, "total_cputime": percent // 4, "total_time": percent // 4}


def answer(**fields: Any) -> Response:
    """Answer with these fields and the usage headers."""
    return add_usage(jsonify(fields))


def select(fields: dict[str, Any], default: str = "id") -> dict[str, Any]:
    """Return the fields that the `fields` parameter asks for. Refuses unknown ones."""
    names = [name for name in request.values.get("fields", default).split(",") if name]
    unknown = [name for name in names if name not in fields]
    if unknown:
        raise Refusal("100", f"(#100) Tried accessing nonexisting field ({unknown[0]})")
    return {name: fields[name] for name in ["id", *names] if fields.get(name) is not None}
