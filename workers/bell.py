"""Sleeping until a time or until the bell rings, whichever is first, without polling."""

from __future__ import annotations

from redis import Redis
from redis.connection import Connection

from app.queues.scheduler import BELL_KEY


class Bell:
    """A pending `BLPOP` on a connection of its own.

    The time limit of a blocking command is kept by the server only to a tenth of a second, so
    the sleeper goes by its own clock and leaves the command pending for the next sleep.
    """

    def __init__(self, connection: Redis, listen_seconds: float) -> None:
        self._pool = connection.connection_pool
        self._listen_seconds = listen_seconds
        self._connection: Connection | None = None

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as somebody rings. Raises `RedisError`."""
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._connection.send_command("BLPOP", BELL_KEY, self._listen_seconds)
        try:
            if self._connection.can_read(max(seconds, 0.0)):
                self._connection.read_response()
                self._release()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the pending command up."""
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)
