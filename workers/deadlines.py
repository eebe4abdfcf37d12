"""An end to a request as a whole: time limits of a socket only bound each wait for bytes.

A server that sends a byte now and then would hold a worker for ever.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: A request may take so long, and its body as long as it takes at this speed.
CALL_SECONDS = 180.0
SLOWEST_BYTES_PER_SECOND = 64 * 1024
_threads = threading.local()


class Deadline:
    """Hangs the thread's connection up when the time of the block is over."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> Deadline:
        _threads.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _threads.deadline = None
        self._timer.cancel()

    def watch(self, connection: HTTPConnection) -> None:
        """Take note of the connection that the request goes over, and of its socket.

        The connection lets its socket go where the answer's end is that of the connection.
        """
        self._connection = connection
        self._socket = connection.sock

    def _hang_up(self) -> None:
        self.is_over = True
        sock = self._connection.sock if self._connection is not None else None
        sock = sock or self._socket
        try:
            if sock is not None:
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself


def seconds_for(body_bytes: int) -> float:
    """Return how long a request with such a body may take as a whole."""
    return CALL_SECONDS + body_bytes / SLOWEST_BYTES_PER_SECOND


def _watched(connection: HTTPConnection) -> None:
    deadline: Deadline | None = getattr(_threads, "deadline", None)
    if deadline is not None:
        deadline.watch(connection)


class _Connection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watched(self)
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        _watched(self)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watched(self)
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        _watched(self)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class WatchedAdapter(HTTPAdapter):
    """Connections that a `Deadline` can hang up."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool, with connections of our kinds."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
