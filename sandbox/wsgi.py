"""HTTP/1.1 on loopback: keep-alive, streamed bodies, connections cut on demand.

Werkzeug's own handler closes the connection after each answer and reads whatever is left of a
body; both would hide client mistakes that the real platforms expose.
"""

import io
import socket
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler

from sandbox.core.context import CUT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

DRAIN_PIECE_BYTES = 256 * 1024


class BodyInput(io.RawIOBase):
    """The body of one request: never reads past its end, returns what is available.

    Without a `length` it is chunked, and `rfile` knows where it ends.
    """

    def __init__(self, rfile: io.BufferedReader, length: int | None) -> None:
        self._rfile = rfile
        self._is_chunked = length is None
        self.remaining = sys.maxsize if length is None else length

    def readable(self) -> bool:
        """Return True, as `io` requires."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read at most one packet's worth into `buffer`."""
        room = min(len(buffer), self.remaining)
        if room == 0:
            return 0
        count = self._rfile.readinto1(memoryview(buffer)[:room])
        self.remaining -= count
        return count

    def drain(self) -> bool:
        """Discard the rest, so that the client sees its response; False when it hung up."""
        while self.remaining > 0:
            if not self.read(min(DRAIN_PIECE_BYTES, self.remaining)):
                return self._is_chunked
        return True


class RequestHandler(WSGIRequestHandler):
    """Serves requests until the client hangs up, the server stops, or a fault cuts it off."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Register the connection with the server."""
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        """Close the connection's files even when the client is gone."""
        try:
            super().finish()
        except OSError:
            self.rfile.close()
        finally:
            self.server.closed(self.connection)

    def make_environ(self) -> "WSGIEnvironment":
        """Keep headers with an underscore, like Instagram's `file_size`, which WSGI drops."""
        environ = super().make_environ()
        for name, value in self.headers.items():
            if "_" in name:
                environ.setdefault(f"HTTP_{name.upper()}", value)
        return environ

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        body = self._body(environ)
        try:
            status, headers, answer = self._run_app(environ)
            if environ.get(CUT) or not body.drain():
                self.close_connection = True
                return
            self._answer(status, headers, answer)
        except OSError:
            self.close_connection = True

    def _body(self, environ: "WSGIEnvironment") -> BodyInput:
        """Put a bounded body in the environ; a chunked one ends with its last chunk."""
        if isinstance(environ["wsgi.input"], DechunkedInput):
            chunked = io.BufferedReader(cast(Any, environ["wsgi.input"]))
            environ["wsgi.input"] = BodyInput(chunked, None)
        else:
            length = environ.get("CONTENT_LENGTH", "0")
            size = int(length) if length.isdecimal() else 0
            environ["wsgi.input"] = BodyInput(cast(io.BufferedReader, self.rfile), size)
        body: BodyInput = environ["wsgi.input"]
        return body

    def _run_app(self, environ: "WSGIEnvironment") -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            started[:] = [(status, headers)]

        chunks: Iterable[bytes] = self.server.app(environ, start_response)
        try:
            answer = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return (*started[0], answer)

    def _answer(self, status: str, headers: list[tuple[str, str]], answer: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if code != "204":
            self.send_header("Content-Length", str(len(answer)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the journal has it, without tokens."""

    def log_error(self, format: str, *args: Any) -> None:
        """Log nothing: clients that hang up are expected."""


class Server(ThreadedWSGIServer):
    """A thread per connection; tracks open connections so that it can close them."""

    request_queue_size = 512
    daemon_threads = True

    def __init__(self, port: int, app: "WSGIApplication") -> None:
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__("127.0.0.1", port, app, RequestHandler)

    def opened(self, connection: socket.socket) -> None:
        """Register a new connection."""
        with self._changed:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Unregister a closed connection."""
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def hang_up(self, timeout_seconds: float = 5.0) -> None:
        """Close every open connection and wait for its thread."""
        with self._changed:
            for connection in list(self._open):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # already closed
            self._changed.wait_for(lambda: not self._open, timeout_seconds)
