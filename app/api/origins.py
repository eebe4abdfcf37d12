"""Pages of other origins: browsers may call the API with the token that a back end gave them.

Nothing under `/api` looks at cookies, so that a page can do nothing here in its visitor's name:
it needs a token or a signed link, and with one of those its origin does not matter.
"""

from __future__ import annotations

from flask import Flask, Response, request

_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Retry-After",
}
#: What a browser asks before it sends anything; the request it asks for is checked when it comes.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "7200",
}


def register_origins(app: Flask) -> None:
    """Let pages of other origins read the answers of everything under `/api`."""
    app.after_request(_allow_origins)


def _allow_origins(answer: Response) -> Response:
    if request.path.startswith("/api/"):
        answer.headers.update(_ALLOWED)
        if request.method == "OPTIONS":
            answer.headers.update(_PREFLIGHT)
    return answer
