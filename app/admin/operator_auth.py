"""Authenticates the operator under `/admin`, and refuses cross-site requests of their browser.

Without `ADMIN_USERNAME` and `ADMIN_PASSWORD` every path there answers 404.
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
#: Our scripts and styles, which contain no data and may be cached.
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
        return problem(403, "This action is available only from the admin pages")
    return None


def _is_operator(config: Config) -> bool:
    username, password = _credentials()
    # Both are always compared, so that the time reveals nothing.
    matches = [
        hmac.compare_digest(username.encode(), config.admin_username.encode()),
        hmac.compare_digest(password.encode(), config.admin_password.encode()),
    ]
    return all(matches)


def _credentials() -> tuple[str, str]:
    """Return the username and password sent; empty where the header is missing or malformed."""
    try:
        sent = request.authorization
    except ValueError:  # werkzeug fails on Basic credentials that are not ASCII
        sent = None
    if sent is None or sent.type != "basic":
        return "", ""
    return sent.username or "", sent.password or ""


def _is_same_origin(config: Config) -> bool:
    """Return whether the request comes from one of our own pages.

    A browser attaches the operator's password to requests of any site, but it also names the
    site that made the request, which no page can forge.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # The host only: behind a proxy that terminates TLS the scheme seen here differs.
    host = request.headers.get("Origin", "").partition("://")[2]
    return bool(host) and host in (request.host, urlsplit(config.public_url).netloc)


def _keep_private(response: Response) -> Response:
    if _is_admin_path():
        if request.endpoint != FILES:
            response.headers["Cache-Control"] = "no-store"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
