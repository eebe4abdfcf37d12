"""Protects the operator's pages: CSRF tokens in forms, and a strict content security policy.

A CSRF token (Flask-WTF) is bound to a session cookie, signed with a secret that all processes
derive from the encryption keys. `app.admin.operator_auth` has checked the request's origin before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

from app.admin.blueprint import blueprint
from app.admin.operator_auth import FILES, PREFIX
from app.config import Config
from app.crypto import keys_of

#: Our own files only, no inline scripts or styles, no framing.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
#: The URLs of our files contain a digest of their content.
STATIC_CACHE = "private, max-age=31536000, immutable"
csrf = CSRFProtect()


class AdminSessions(SecureCookieSessionInterface):
    """Opens sessions for the operator's pages only, so that the API bears no cost for them."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request under `/admin`; None for any other."""
        return super().open_session(app, request) if request.path.startswith(PREFIX) else None


def register_guard(app: Flask) -> None:
    """Set up sessions and CSRF protection."""
    config: Config = app.config["SETTINGS"]
    first, *others = keys_of(config)
    app.secret_key = _secret(first)
    app.session_interface = AdminSessions()
    app.config.update(
        SECRET_KEY_FALLBACKS=_secrets(others),
        SESSION_COOKIE_NAME="publishing_admin",
        SESSION_COOKIE_PATH=PREFIX,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=config.public_url.startswith("https://"),
        # The API's callers send no cookies, so only the operator's forms are checked.
        WTF_CSRF_CHECK_DEFAULT=False,
        # A page may stay open for as long as the browser; its token ends with the session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf.init_app(app)


@blueprint.before_request
def check_form() -> None:
    """Refuse a form that does not come from one of our pages; raises `CSRFError`."""
    csrf.protect()


@blueprint.after_request
def set_policy(response: Response) -> Response:
    """Set the content security policy and caching of our pages."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint == FILES and response.status_code < 400:
        response.headers["Cache-Control"] = STATIC_CACHE
    return response


def _secrets(keys: Sequence[str]) -> list[str | bytes]:
    return [_secret(key) for key in keys]


def _secret(key: str) -> str:
    return hashlib.sha256(f"session of the operator\n{key}".encode()).hexdigest()
