"""Sleeping until a time or until the bell rings, whichever is first, without polling."""

from __future__ import annotations

import time

from redis import Redis
from redis.connection import Connection

from app.queues.scheduler import BELL_KEY

#: A bell that has not rung for this long is listened to anew: a dead connection would not ring.
LISTEN_SECONDS = 300.0
#: What a server that is there may need beyond that to say that nobody rang.
LATE_SECONDS = 15.0


class Bell:
    """A pending `BLPOP` on a connection of its own.

    The time limit of a blocking command is kept by the server only to a tenth of a second, so
    the sleeper goes by its own clock and leaves the command pending for the next sleep.
    """

    def __init__(self, connection: Redis) -> None:
        self._pool = connection.connection_pool
        self._connection: Connection | None = None
        self._since = 0.0

    def sleep(self, seconds: float) -> tuple[str, float] | None:
        """Return after `seconds`, or as soon as somebody rings: then the queue's name, and the
        due time of the run that was added. Raises `RedisError`."""
        if time.monotonic() - self._since > LISTEN_SECONDS + LATE_SECONDS:
            self.close()  # no answer to the end of the wait: nobody is at the other end
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._connection.send_command("BLPOP", BELL_KEY, LISTEN_SECONDS)
            self._since = time.monotonic()
        try:
            if not self._connection.can_read(max(seconds, 0.0)):
                return None
            answer = self._connection.read_response()
            self._release()
        except BaseException:
            self.close()
            raise
        if answer is None:
            return None
        queue, _, due_at = answer[1].decode().partition(" ")
        return queue, float(due_at)

    def close(self) -> None:
        """Give the pending command up."""
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)
