"""Detaches a connection from gunicorn, so that it outlives the request's thread.

gunicorn passes every request its socket (`gunicorn.socket`). A duplicate of it goes to the
listener. gunicorn's own file descriptor is replaced with a socket whose peer is closed, so that
gunicorn ends the request as for a client that has left.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.http import http_date
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CHUNK_BYTES = 64 * 1024
#: A peer that has vanished silently is noticed within this time.
UNANSWERED_MS = 60_000
#: Takes over a connection and sends the given bytes first.
Join = Callable[[socket.socket, bytes], None]


class EventStream(Response):
    """An open-ended response, whose connection `join` takes over.

    The end of the connection ends its body, as HTTP/1.1 allows (RFC 9112 §6.3), so no other
    request can follow on the connection.
    """

    def __init__(self, join: Join) -> None:
        super().__init__(
            status=200,
            content_type="text/event-stream; charset=utf-8",
            headers={
                "Cache-Control": "no-store, no-transform",
                "X-Accel-Buffering": "no",  # otherwise nginx would buffer the events
            },
        )
        self._join = join

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the connection over; where the server exposes none, stream from this thread."""
        headers = self.get_wsgi_headers(environ)
        headers.remove("Content-Length")
        connection = take_connection(environ)
        if connection is not None:
            self._join(connection, _head(self.status, headers.to_wsgi_list()))
            start_response(self.status, headers.to_wsgi_list())
            return []
        ours, theirs = socket.socketpair()
        self._join(theirs, b"")
        start_response(self.status, headers.to_wsgi_list())
        return ClosingIterator(_chunks(ours), [ours.close])


def take_connection(environ: WSGIEnvironment) -> socket.socket | None:
    """Detach the request's connection from gunicorn and return it; None where that is impossible.

    A connection whose TLS gunicorn terminates cannot be detached: only gunicorn has the object
    that encrypts it.
    """
    original: Any = environ.get("gunicorn.socket")
    if type(original) is not socket.socket:
        return None
    taken = original.dup()
    placeholder, gone = socket.socketpair()
    gone.close()
    os.dup2(placeholder.fileno(), original.fileno(), inheritable=False)
    placeholder.close()
    if taken.family in (socket.AF_INET, socket.AF_INET6):
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)
    return taken


def _head(status: str, headers: list[tuple[str, str]]) -> bytes:
    """Return the head of a response whose body ends with the connection."""
    lines = [f"HTTP/1.1 {status}", f"Date: {http_date()}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunks(connection: socket.socket) -> Iterator[bytes]:
    while chunk := connection.recv(CHUNK_BYTES):
        yield chunk
