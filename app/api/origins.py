"""CORS: browsers on other origins may call the API with a token that a back end gave them.

Nothing under `/api` looks at cookies, so a page cannot act in its visitor's name: it needs a token
or a signed link, and with either its origin does not matter. So every origin is allowed, unless
`CORS_ORIGINS` names some.
"""

from __future__ import annotations

from flask import Flask, Response, request

from app.config import current_config

ANY = "*"
_ALLOWED = {"Access-Control-Expose-Headers": "Location, Retry-After"}
#: The response to a preflight request; the actual request is checked when it comes.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "7200",
}


def register_origins(app: Flask) -> None:
    """Let pages of other origins read responses of everything under `/api`."""
    app.after_request(_allow_origins)


def _allow_origins(response: Response) -> Response:
    if not request.path.startswith("/api/"):
        return response
    config = current_config()
    origin = ANY if ANY in config.cors_origins else request.headers.get("Origin", "")
    if origin != ANY:
        response.vary.add("Origin")  # a response cached for one origin is not valid for another
    if origin == ANY or origin.lower() in config.cors_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers.update(_ALLOWED)
        if request.method == "OPTIONS":
            response.headers.update(_PREFLIGHT)
    return response
