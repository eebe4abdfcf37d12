"""Who calls: a back end with a service key that names a user, or a browser with a JWT.

Everything under `/api` needs one of the two, except the views marked with `open_to_all`, and
except the description and its pages. Those marked with `for_services` need the key, and no user;
those marked with `without_tokens` need the key and the user it calls for.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any, TypeVar

import jwt
from flask import Flask, current_app, g, request

from app.api.errors import Forbidden, Unauthorized
from app.config import Config, current_config

View = TypeVar("View", bound=Callable[..., Any])
USER_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
#: Blueprints of the OpenAPI description and of its pages.
DOCS_BLUEPRINTS = ("api-docs", "swagger_ui")


def open_to_all(view: View) -> View:
    """Mark a view that needs no caller: its link is signed, or it tells nothing of anyone."""
    view.is_open_to_all = True  # type: ignore[attr-defined]
    return view


def token_in_query(view: View) -> View:
    """Mark a view that also takes a JWT as `access_token` in the query (RFC 6750 §2.3).

    For a browser's `EventSource`, which sends no headers. Never a service key: addresses get
    into logs, and a JWT soon ends.
    """
    view.takes_token_in_query = True  # type: ignore[attr-defined]
    return view


def for_services(view: View) -> View:
    """Mark a view that needs a service key, and is about no user."""
    view.is_for_services = True  # type: ignore[attr-defined]
    return view


def without_tokens(why: str) -> Callable[[View], View]:
    """Mark a view that a JWT does not open; `why` is the sentence for the person who tries.

    For what a back end vouches for: it knows whose the things are that its call names.
    """

    def mark(view: View) -> View:
        view.refuses_tokens = why  # type: ignore[attr-defined]
        return view

    return mark


def register_auth(app: Flask) -> None:
    """Check the caller of every request that needs one before its view runs."""
    app.before_request(_check_caller)


def current_user() -> str:
    """Return the id of the user for whom this request is made."""
    user_id = g.user_id
    assert isinstance(user_id, str)
    return user_id


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
    if request.method == "OPTIONS":  # a browser asks whether it may, and sends no token yet
        return False
    is_open = getattr(view, "is_open_to_all", False)
    return not is_open and request.blueprint not in DOCS_BLUEPRINTS


def _check_service() -> None:
    if request.method == "OPTIONS":
        return
    settings, credentials = current_config(), _bearer()
    if not _is_service_key(settings, credentials):
        _user_of_token(settings, credentials)  # 401 for what is no credential at all
        raise Forbidden("Only a service key opens this")


def _find_user(view: Callable[..., Any]) -> None:
    settings = current_config()
    given = request.args.get("access_token", "")
    if given and getattr(view, "takes_token_in_query", False):
        g.user_id = _user_of_token(settings, given)
        return
    credentials = _bearer()
    if _is_service_key(settings, credentials):
        g.user_id = _checked_user(request.headers.get("X-User-Id", ""))
    else:
        g.user_id = _user_of_token(settings, credentials)
        why = getattr(view, "refuses_tokens", "")
        if why:
            raise Forbidden(why)


def _bearer() -> str:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials.strip():
        raise Unauthorized("Send Authorization: Bearer <service key or token>")
    return credentials.strip()


def _is_service_key(settings: Config, credentials: str) -> bool:
    given = credentials.encode("utf-8", "surrogateescape")
    # All keys are compared, whether or not one matched: the time tells nothing.
    return any([hmac.compare_digest(given, key.encode()) for key in settings.api_keys])


def _checked_user(user_id: str) -> str:
    if USER_ID.fullmatch(user_id) is None:
        raise Unauthorized("X-User-Id names the user: 1 to 128 characters of A-Za-z0-9_.:@-")
    return user_id


def _user_of_token(settings: Config, credentials: str) -> str:
    refusal = Unauthorized("The key or token is not valid")
    if not settings.jwt_secret:
        raise refusal
    try:
        claims = jwt.decode(
            credentials,
            settings.jwt_secret,
            algorithms=["HS256"],
            # An audience is the back end's own affair; who the user is does not hang on it.
            options={"require": ["exp", "sub"], "verify_aud": False},
        )
    except jwt.InvalidTokenError as exc:
        raise refusal from exc
    return _checked_user(str(claims["sub"]))
