"""Authentication: a back end calls with a service key and names a user, a browser with a JWT.

Everything under `/api` needs one of the two, except views marked with `open_to_all` and the API
documentation. Views marked with `for_services` need a service key and no user; those marked with
`without_tokens` need a service key and a user.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import jwt
from flask import Flask, current_app, g, request

from app.api.errors import Forbidden, Unauthorized
from app.clock import utcnow
from app.config import Config, current_config

View = TypeVar("View", bound=Callable[..., Any])
USER_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
#: By how much a back end's clock may be ahead of ours for its tokens to be valid at once.
NOT_BEFORE_LEEWAY_SECONDS = 10
#: How the OpenAPI document says that a call is `without_tokens`.
KEY_AND_USER: list[dict[str, list[str]]] = [{"serviceKey": [], "user": []}]
#: Blueprints of the OpenAPI document and its pages.
DOCS_BLUEPRINTS = ("api-docs", "swagger_ui")


def open_to_all(view: View) -> View:
    """Mark a view that needs no authentication: its link is signed, or it reveals nothing."""
    view.is_open_to_all = True  # type: ignore[attr-defined]
    return view


def token_in_query(view: View) -> View:
    """Mark a view that also takes a JWT as `access_token` in the query (RFC 6750 §2.3).

    For a browser's `EventSource`, which cannot send headers. Service keys are not taken: URLs end
    up in logs, and only a JWT expires soon.
    """
    view.takes_token_in_query = True  # type: ignore[attr-defined]
    return view


def for_services(view: View) -> View:
    """Mark a view that needs a service key and concerns no particular user."""
    view.is_for_services = True  # type: ignore[attr-defined]
    return view


def without_tokens(why: str) -> Callable[[View], View]:
    """Mark a view that refuses JWTs; `why` is the sentence of the refusal.

    For calls that a back end vouches for: it knows who owns what the call names.
    """

    def mark(view: View) -> View:
        view.refuses_tokens = why  # type: ignore[attr-defined]
        return view

    return mark


def register_auth(app: Flask) -> None:
    """Authenticate every request that needs it before its view runs."""
    app.before_request(_check_caller)


def current_user() -> str:
    """Return the id of the user on whose behalf this request is made."""
    user_id = g.user_id
    assert isinstance(user_id, str)
    return user_id


def expiry_of_token() -> float:
    """Return when this request's JWT expires, in seconds since the epoch; never without one."""
    until: float = g.get("token_until", math.inf)
    return until


def _check_caller() -> None:
    if request.endpoint is None:
        return
    view = current_app.view_functions[request.endpoint]
    if getattr(view, "is_for_services", False):
        _check_service()
    elif _needs_user(view):
        _find_user(view)


def _needs_user(view: Callable[..., Any]) -> bool:
    if not request.path.startswith("/api/"):
        return False
    if request.method == "OPTIONS":  # a CORS preflight, which carries no credentials
        return False
    is_open = getattr(view, "is_open_to_all", False)
    return not is_open and request.blueprint not in DOCS_BLUEPRINTS


def _check_service() -> None:
    if request.method == "OPTIONS":
        return
    config, credentials = current_config(), _bearer()
    if not _is_service_key(config, credentials):
        _user_of_token(config, credentials)  # 401 for invalid credentials
        raise Forbidden("Only a service key may call this")


def _find_user(view: Callable[..., Any]) -> None:
    config = current_config()
    token = request.args.get("access_token", "")
    if token and getattr(view, "takes_token_in_query", False):
        g.user_id = _user_of_token(config, token)
        return
    credentials = _bearer()
    if _is_service_key(config, credentials):
        g.user_id = _checked_user(request.headers.get("X-User-Id", ""), "X-User-Id")
    else:
        g.user_id = _user_of_token(config, credentials)
        why = getattr(view, "refuses_tokens", "")
        if why:
            raise Forbidden(why)


def _bearer() -> str:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials.strip():
        raise Unauthorized("Send Authorization: Bearer <service key or token>")
    return credentials.strip()


def _is_service_key(config: Config, credentials: str) -> bool:
    given = credentials.encode("utf-8", "surrogateescape")
    # Every key is compared, so that the time reveals nothing.
    return any([hmac.compare_digest(given, key.encode()) for key in config.api_keys])


def _checked_user(user_id: str, source: str) -> str:
    if USER_ID.fullmatch(user_id) is None:
        raise Unauthorized(f"{source} names the user: 1 to 128 characters of A-Za-z0-9_.:@-")
    return user_id


def _user_of_token(config: Config, credentials: str) -> str:
    refusal = Unauthorized("The key or token is not valid")
    if not config.jwt_secret:
        raise refusal
    try:
        claims = jwt.decode(
            credentials,
            config.jwt_secret,
            algorithms=["HS256"],
            leeway=NOT_BEFORE_LEEWAY_SECONDS,
            # The audience is up to the back end; it does not affect who the user is. When a token
            # was issued says nothing about whether it is valid (RFC 7519 §4.1.6).
            options={"require": ["exp", "sub"], "verify_aud": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as exc:
        raise refusal from exc
    if int(claims["exp"]) <= utcnow().timestamp():  # there is no leeway at its end
        raise refusal
    g.token_until = float(claims["exp"])
    return _checked_user(str(claims["sub"]), "The token's sub")
