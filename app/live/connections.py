"""Taking a connection from gunicorn, so that it outlives the request's thread.

gunicorn gives every request its socket (`gunicorn.socket`). A copy of it is the listener's from
then on. What gunicorn itself holds is exchanged, under the same number, for a socket whose other
end is closed: whatever gunicorn does at the end of the request reaches nobody, and looks to it
like a client that has gone.
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

PIECE_BYTES = 64 * 1024
#: A peer that has silently gone is noticed within this.
UNANSWERED_MS = 60_000
#: Takes a connection and the bytes that go out first.
Join = Callable[[socket.socket, bytes], None]


class EventStream(Response):
    """An answer without end, written by whoever `join` gives its connection to.

    Its body ends where the connection does, as HTTP/1.1 allows (RFC 9112 §6.3), so that nothing
    of the connection is left to another request.
    """

    def __init__(self, join: Join) -> None:
        super().__init__(
            status=200,
            content_type="text/event-stream; charset=utf-8",
            headers={
                "Cache-Control": "no-store, no-transform",
                "X-Accel-Buffering": "no",  # nginx would hold the events back
            },
        )
        self._join = join

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the connection over, or, where the server gives none, stream from this thread."""
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
        return ClosingIterator(_pieces(ours), [ours.close])


def take_connection(environ: WSGIEnvironment) -> socket.socket | None:
    """Return the request's connection, gunicorn's no longer; None where there is none to take.

    A connection that gunicorn itself encrypts cannot be taken: what is sent on it goes through
    an object that only gunicorn has.
    """
    held: Any = environ.get("gunicorn.socket")
    if type(held) is not socket.socket:
        return None
    taken = held.dup()
    placeholder, gone = socket.socketpair()
    gone.close()
    os.dup2(placeholder.fileno(), held.fileno(), inheritable=False)
    placeholder.close()
    if taken.family in (socket.AF_INET, socket.AF_INET6):
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)
    return taken


def _head(status: str, headers: list[tuple[str, str]]) -> bytes:
    """Return the head of an answer whose body ends with the connection."""
    lines = [f"HTTP/1.1 {status}", f"Date: {http_date()}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(PIECE_BYTES):
        yield piece
