"""A gunicorn worker in which slow clients hold up nobody else.

gunicorn's threaded worker reads a request's head in one of its threads and waits without limit, so
as many half heads as there are threads would stop the process. Here a connection gets a thread
once its head is complete; its body must come, and its response be read, at a minimum rate.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import _DEFER, ThreadWorker

#: How long a head may take from its first byte, and how long a client may be silent.
PATIENCE_SECONDS = 30.0
#: Far more than the heads of any client; gunicorn's own bounds apply to what is parsed.
HEAD_MAX_BYTES = 128 * 1024
#: What a slow mobile connection still sends.
BODY_BYTES_PER_SECOND = 10_000
#: How long a thread waits for what the application did not read, and for the client to hang up.
LEFTOVER_SECONDS = 1.0
_END_OF_HEAD = b"\r\n\r\n"


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads heads without waiting, and bodies until a time that every byte received postpones."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._head_since: float | None = None
        self._body_until: float | None = None

    def read_head(self) -> bool:
        """Read what has arrived of a head; return whether it is time to parse it.

        That is also so where it will never be complete: parsing it ends the connection.
        """
        now = time.monotonic()
        self._body_until = None
        if self._head_since is None:
            self._head_since = now
        arrived = self._arrived()
        if arrived:
            self.buf.seek(0, 2)
            self.buf.write(arrived)
        head = self.buf.getvalue()
        if arrived is None and not head:
            self._head_since = None  # nothing has begun
            return False
        is_over = now - self._head_since > PATIENCE_SECONDS or len(head) >= HEAD_MAX_BYTES
        return arrived == b"" or is_over or _END_OF_HEAD in head.lstrip(b"\r\n")

    def begin_body(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Allow waiting for a body, for `seconds` at first."""
        self._head_since = None
        self._body_until = time.monotonic() + seconds

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes; raises `TimeoutError`. Of a head, `read_head` has read all."""
        if self._body_until is None:
            return b""
        left = self._body_until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the body arrives too slowly")
        usual = self.sock.gettimeout()
        self.sock.settimeout(left if usual is None else min(left, usual))
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(usual)
        until = self._body_until + len(received) / BODY_BYTES_PER_SECOND
        # What came fast at first does not allow for a slow rest.
        self._body_until = min(until, time.monotonic() + PATIENCE_SECONDS)
        return received

    def _arrived(self) -> bytes | None:
        """Return what can be read at once; None for nothing yet, empty for a closed connection."""
        self.sock.setblocking(False)
        try:
            arrived: bytes = self.sock.recv(HEAD_MAX_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""
        return arrived


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, with time limits for clients.

    Not for connections whose TLS gunicorn terminates, which it reads as it always does.
    """

    def handle(self, conn: Any) -> Any:
        """Serve a request in a thread, or return the connection to the poller for now."""
        if self.cfg.is_ssl:
            return super().handle(conn)
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = TimedUnreader(conn.sock)
        if not conn.parser.unreader.read_head():
            return _DEFER
        conn.data_ready = True
        is_kept = super().handle(conn)
        if not is_kept:
            _hang_up(conn.sock)
        return is_kept

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Serve a request whose head was parsed; return whether its connection may be kept."""
        unreader = conn.parser.unreader
        if not isinstance(unreader, TimedUnreader):
            return bool(super().handle_request(req, conn))
        conn.sock.settimeout(PATIENCE_SECONDS)
        unreader.begin_body()
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            return False  # the client does not read its response
        finally:
            unreader.begin_body(LEFTOVER_SECONDS)


def _hang_up(connection: socket.socket) -> None:
    """Let the client read the response and hang up.

    gunicorn would wait for that in its only thread that accepts connections; now it need not.
    """
    until = time.monotonic() + LEFTOVER_SECONDS
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            while (left := until - time.monotonic()) > 0:
                connection.settimeout(left)
                if not connection.recv(HEAD_MAX_BYTES):
                    break
        connection.shutdown(socket.SHUT_RD)
