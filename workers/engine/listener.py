"""A non-blocking wait for a queue's next run, which loses none."""

from __future__ import annotations

import socket
import time
from typing import Any

from redis import Redis
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

#: The timeout of one pop; after that the queue is listened to again.
LISTEN_SECONDS = 300
#: How much later than the timeout a living server may reply.
LATE_SECONDS = 15


class Listener:
    """A pending `BLMOVE` on a connection of its own.

    It moves a run straight to the worker's in-flight list, so a worker that dies loses none.
    """

    def __init__(self, connection: Redis, queue_key: str, in_flight_key: str) -> None:
        self._pool = connection.connection_pool
        self._queue_key = queue_key
        self._in_flight_key = in_flight_key
        self._connection: Connection | None = None
        self._since = 0.0

    @property
    def is_listening(self) -> bool:
        """Whether a pop is pending."""
        return self._connection is not None

    def fileno(self) -> int:
        """Return the socket's file descriptor, for a selector."""
        assert self._connection is not None
        return _socket_of(self._connection).fileno()

    def listen(self) -> None:
        """Send the pop, unless one is pending. Raises `RedisError`."""
        if self._connection is not None:
            return
        connection = self._pool.get_connection()
        try:
            command = (
                "BLMOVE",
                self._queue_key,
                self._in_flight_key,
                "LEFT",
                "RIGHT",
                LISTEN_SECONDS,
            )
            connection.send_command(*command)
        except BaseException:
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._connection, self._since = connection, time.monotonic()

    def read(self) -> str | None:
        """Return the id of the run that was popped, or None after a timeout, and stop listening.

        Call it when the socket is readable. Returns None also if the listener was closed since:
        when Redis dies all sockets become readable, and the first one read closes all others.
        Raises `RedisError`.
        """
        if self._connection is None:
            return None
        try:
            reply = self._connection.read_response()
        except BaseException:
            self.close()
            raise
        self._pool.release(self._connection)
        self._connection = None
        return None if reply is None else reply.decode()

    def check(self) -> None:
        """Raise `redis.ConnectionError` if the server's reply is overdue."""
        if self._connection is not None:
            if time.monotonic() - self._since > LISTEN_SECONDS + LATE_SECONDS:
                self.close()
                raise RedisConnectionError("no response to a blocking pop")

    def close(self) -> None:
        """Abandon the pending pop; a run that it has moved stays on the in-flight list."""
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None

    def close_inherited(self) -> None:
        """Close the socket in a forked child only; the parent's stays open."""
        if self._connection is not None:
            _socket_of(self._connection).close()
            self._connection = None


def _socket_of(connection: Any) -> socket.socket:
    """Return a connection's socket, which redis-py does not expose."""
    found = connection._sock
    assert isinstance(found, socket.socket)
    return found
