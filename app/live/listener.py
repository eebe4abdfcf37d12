"""One listener: its connection, what it was told last, and what could not be sent yet."""

from __future__ import annotations

import socket
import time

#: A listener that reads so slowly is let go: it comes back, and gets the status as it is then.
UNSENT_MAX_BYTES = 64 * 1024
READ_BYTES = 4096


class Gone(Exception):
    """Raised when a listener has hung up, or is to be let go."""


class Listener:
    """Owned by the hub's thread. `seen` is the id of the event it was told last."""

    __slots__ = ("connection", "is_ending", "job_id", "seen", "spoken_at", "unsent")

    def __init__(self, connection: socket.socket, job_id: str, first: bytes, seen: str) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.job_id = job_id
        self.seen = seen
        self.unsent = first
        self.is_ending = False
        self.spoken_at = time.monotonic()

    def say(self, words: bytes) -> None:
        """Send, or keep for later what the connection does not take now; raises `Gone`."""
        self.unsent += words
        if len(self.unsent) > UNSENT_MAX_BYTES:
            raise Gone
        self.flush()

    def flush(self) -> None:
        """Send what is kept; raises `Gone`, also when that was the end."""
        while self.unsent:
            try:
                sent = self.connection.send(self.unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                raise Gone from exc
            self.unsent = self.unsent[sent:]
            self.spoken_at = time.monotonic()
        if self.is_ending:
            raise Gone

    def hear(self) -> None:
        """Read what the client sends, which means nothing; raises `Gone` when it hung up."""
        try:
            if not self.connection.recv(READ_BYTES):
                raise Gone
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            raise Gone from exc

    def hang_up(self) -> None:
        """End the connection tidily."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client was first
        self.connection.close()
