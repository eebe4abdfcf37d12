"""Sleep until a time or until a client rings the bell, whichever comes first, without polling."""

from __future__ import annotations

import time

from redis import Redis
from redis.connection import Connection

from app.queues.scheduler import BELL_KEY

#: How long one pop stays pending; then it is sent again, as its connection may be dead.
LISTEN_SECONDS = 300.0
#: How much later than that a living server may reply.
LATE_SECONDS = 15.0


class Bell:
    """A pending `BLPOP` on a connection of its own.

    The server keeps the timeout of a blocking command only to a tenth of a second, so the sleeper
    uses its own clock and leaves the command pending for the next sleep.
    """

    def __init__(self, connection: Redis) -> None:
        self._pool = connection.connection_pool
        self._connection: Connection | None = None
        self._since = 0.0

    def sleep(self, seconds: float) -> tuple[str, float] | None:
        """Return None after `seconds`, or as soon as a client rings the name of the queue and the
        due time (epoch seconds) of the run that it added. Raises `RedisError`."""
        if time.monotonic() - self._since > LISTEN_SECONDS + LATE_SECONDS:
            self.close()  # overdue: the connection is dead
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._connection.send_command("BLPOP", BELL_KEY, LISTEN_SECONDS)
            self._since = time.monotonic()
        try:
            if not self._connection.can_read(max(seconds, 0.0)):
                return None
            reply = self._connection.read_response()
            self._release()
        except BaseException:
            self.close()
            raise
        if reply is None:
            return None
        queue, _, due_at = reply[1].decode().partition(" ")
        return queue, float(due_at)

    def close(self) -> None:
        """Abandon the pending command."""
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)
