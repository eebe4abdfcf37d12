"""A listener: its connection, the last event sent to it, and what is still unsent."""

from __future__ import annotations

import socket
import time

#: A listener that reads too slowly is dropped; it reconnects and gets the current status.
UNSENT_MAX_BYTES = 64 * 1024
READ_BYTES = 4096


class Gone(Exception):
    """Raised when a listener has disconnected, or must be dropped."""


class Listener:
    """A connection owned by the hub's thread. `seen` is the id of the last event sent to it.

    `until` is when its token expires, in seconds since the epoch.
    """

    __slots__ = (
        "connection",
        "is_ending",
        "job_id",
        "seen",
        "sent_at",
        "unsent",
        "until",
        "user_id",
    )

    def __init__(
        self,
        connection: socket.socket,
        job_id: str,
        first: bytes,
        seen: str,
        *,
        user_id: str,
        until: float,
    ) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.job_id = job_id
        self.seen = seen
        self.user_id = user_id
        self.until = until
        self.unsent = first
        self.is_ending = False
        self.sent_at = time.monotonic()

    def send(self, content: bytes) -> None:
        """Send, buffering what the connection does not accept now; raises `Gone`."""
        self.unsent += content
        if len(self.unsent) > UNSENT_MAX_BYTES:
            raise Gone
        self.flush()

    def flush(self) -> None:
        """Send what is buffered; raises `Gone`, also once everything was sent to one that ends."""
        while self.unsent:
            try:
                sent = self.connection.send(self.unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                raise Gone from exc
            self.unsent = self.unsent[sent:]
            self.sent_at = time.monotonic()
        if self.is_ending:
            raise Gone

    def receive(self) -> None:
        """Discard what the client sends; raises `Gone` when it has disconnected."""
        try:
            if not self.connection.recv(READ_BYTES):
                raise Gone
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            raise Gone from exc

    def close(self) -> None:
        """Close the connection gracefully."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client closed it first
        self.connection.close()
