"""Video bytes: streamed from the socket to a file, counted and hashed on the way, never buffered.

What arrived before a connection was cut is kept to the byte, as on the real platforms; a resumed
upload continues from there.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import request

from sandbox.core.context import current_call
from sandbox.core.errors import BodyCut
from sandbox.core.world import current_world

PIECE_BYTES = 256 * 1024
SETTLE_SECONDS = 1.0


class Received:
    """The bytes of one upload received so far.

    One stream writes at a time: a newer one takes over, so that bytes still in flight from a
    client that gave up can never land after those of its successor.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle = threading.Condition()
        self._turn = 0
        self._streams = 0
        self._size = 0
        self._digest = hashlib.sha256()
        self._mark = (0, self._digest.copy())
        path.touch()

    @property
    def size_bytes(self) -> int:
        """Return how many bytes have arrived."""
        with self._idle:
            return self._size

    def settled_bytes(self) -> int:
        """Return how many bytes arrived, after waiting for a stream that was just cut."""
        with self._idle:
            self._idle.wait_for(lambda: self._streams == 0, SETTLE_SECONDS)
            return self._size

    def seize(self) -> int:
        """Shut out a stream that is still running, and return how many bytes are kept."""
        patience_seconds = current_world().settings.takeover_seconds
        with self._idle:
            self._idle.wait_for(lambda: self._streams == 0, patience_seconds)
            self._turn += 1
            return self._size

    def sha256(self) -> str:
        """Return the hash of what arrived."""
        with self._idle:
            return self._digest.hexdigest()

    def mark(self) -> None:
        """Mark this position for `rewind`."""
        with self._idle:
            self._mark = (self._size, self._digest.copy())

    def rewind(self) -> None:
        """Drop the bytes after the mark."""
        with self._idle:
            self._turn += 1
            self._size, digest = self._mark
            self._digest = digest.copy()
            with self.path.open("r+b") as file:
                file.truncate(self._size)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Make `settled_bytes` wait until the bytes are in and their effects are done."""
        with self._idle:
            self._streams += 1
        try:
            yield
        finally:
            with self._idle:
                self._streams -= 1
                self._idle.notify_all()

    def take(self, pieces: Iterator[bytes]) -> None:
        """Append the pieces. Raises BodyCut when they end early or a newer stream took over."""
        with self._idle:
            self._turn += 1
            turn = self._turn
        with self.path.open("ab", buffering=0) as file:
            for piece in pieces:
                with self._idle:
                    if turn != self._turn:
                        raise BodyCut("another stream took over")
                    file.write(piece)
                    self._size += len(piece)
                    self._digest.update(piece)

    def remove(self) -> None:
        """Delete the file but keep its count and hash."""
        self.path.unlink(missing_ok=True)


def body_pieces() -> Iterator[bytes]:
    """Yield the current request's body in pieces, subject to its fault."""
    call = current_call()
    fault = call.fault
    stream: Any = request.environ["wsgi.input"]
    remaining = request.content_length or 0
    allowed = fault.after_bytes if fault and fault.kind == "cut" else None
    while remaining > 0:
        call.check()
        if allowed is not None and call.bytes_received >= allowed:
            raise BodyCut("fault")
        room = remaining if allowed is None else min(remaining, allowed - call.bytes_received)
        piece = _read(stream, min(room, _throttle()))
        remaining -= len(piece)
        call.bytes_received += len(piece)
        yield piece


def _read(stream: Any, size: int) -> bytes:
    try:
        piece: bytes = stream.read(size)
    except OSError as exc:
        raise BodyCut("connection lost") from exc
    if not piece:
        raise BodyCut("connection ended")
    return piece


def _throttle() -> int:
    """Return how much to read at once, after any wait of a `slow` fault."""
    call = current_call()
    fault = call.fault
    if fault is None or fault.kind != "slow" or not fault.bytes_per_second:
        return PIECE_BYTES
    call.wait(0.05)
    return max(1, min(PIECE_BYTES, fault.bytes_per_second // 20))


def receive(into: Received) -> None:
    """Stream the current request's body into an upload."""
    into.take(body_pieces())
