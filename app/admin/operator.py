"""Who may see what is under `/admin`: the operator, and nobody's page through their browser.

Without `ADMIN_USERNAME` and `ADMIN_PASSWORD` there is no such path.
"""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from app.api.errors import answer_http_error, problem
from app.config import Config, current_config

PREFIX = "/admin"
#: Our scripts and styles, which tell nothing of anyone: the browser may keep them.
FILES = "admin.static"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="admin", charset="UTF-8"'}


def register_operator(app: Flask) -> None:
    """Check every request under `/admin` before its view runs, known path or not."""
    app.before_request(_check_operator)
    app.after_request(_keep_private)


def _is_admin_path() -> bool:
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def _check_operator() -> Any:
    if not _is_admin_path():
        return None
    config = current_config()
    if not config.admin_username or not config.admin_password:
        return answer_http_error(NotFound())
    if not _is_operator(config):
        return problem(401, "Sign in as the operator", headers=_CHALLENGE)
    if request.method not in _SAFE_METHODS and not _is_same_origin(config):
        return problem(403, "This can be done from the admin pages only")
    return None


def _is_operator(config: Config) -> bool:
    username, password = _given()
    # Both are compared, whether or not the first matched: the time tells nothing.
    matches = [
        hmac.compare_digest(username.encode(), config.admin_username.encode()),
        hmac.compare_digest(password.encode(), config.admin_password.encode()),
    ]
    return all(matches)


def _given() -> tuple[str, str]:
    """Return the name and the password sent; empty ones where the header is broken."""
    try:
        given = request.authorization
    except ValueError:  # werkzeug stumbles over Basic credentials that are not ASCII
        given = None
    if given is None or given.type != "basic":
        return "", ""
    return given.username or "", given.password or ""


def _is_same_origin(config: Config) -> bool:
    """Tell whether one of our own pages sends this.

    A browser adds the operator's password to what any other page makes it send; but it also
    says where that comes from, which no page can change.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # The host alone: behind a proxy that ends TLS the scheme seen here is another one.
    host = request.headers.get("Origin", "").partition("://")[2]
    return bool(host) and host in (request.host, urlsplit(config.public_url).netloc)


def _keep_private(answer: Response) -> Response:
    if _is_admin_path():
        if request.endpoint != FILES:
            answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Frame-Options"] = "DENY"
        answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
