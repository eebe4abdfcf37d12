"""Waiting for the next run of a queue without losing one, and without holding the worker up."""

from __future__ import annotations

import socket
import time
from typing import Any

from redis import Redis
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

#: A queue that stayed empty for this long is listened to anew.
LISTEN_SECONDS = 300
#: An answer that is later than the server promised comes from a dead connection.
LATE_SECONDS = 15


class Listener:
    """A pending `BLMOVE` on a connection of its own: a run that is popped is on another list
    before anybody knows of it, so a worker that dies there loses none."""

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
        """Return the socket's number, for a selector."""
        assert self._connection is not None
        return _socket_of(self._connection).fileno()

    def listen(self) -> None:
        """Begin to wait. Raises `RedisError`."""
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
        """Return the id of the run that came, or None where none came in time, and stop
        listening. Call it when the socket is readable. Raises `RedisError`.

        None, too, where it was closed since: when Redis ends, all sockets are readable, and the
        first that is read has all closed.
        """
        if self._connection is None:
            return None
        try:
            answer = self._connection.read_response()
        except BaseException:
            self.close()
            raise
        self._pool.release(self._connection)
        self._connection = None
        return None if answer is None else answer.decode()

    def check(self) -> None:
        """Raise `redis.ConnectionError` where the server should have answered long ago."""
        if self._connection is not None:
            if time.monotonic() - self._since > LISTEN_SECONDS + LATE_SECONDS:
                self.close()
                raise RedisConnectionError("no answer to a blocking pop")

    def close(self) -> None:
        """Give the pending pop up; what it may have moved stays in the in-flight list."""
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None

    def forget(self) -> None:
        """Let go of the socket in a forked child; the parent's stays as it is."""
        if self._connection is not None:
            _socket_of(self._connection).close()
            self._connection = None


def _socket_of(connection: Any) -> socket.socket:
    """Return the socket of a connection, for which redis-py has no public name."""
    found = connection._sock
    assert isinstance(found, socket.socket)
    return found
