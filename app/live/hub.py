"""The thread that feeds all listeners of a process.

While there are listeners it looks at the database every `LOOK_SECONDS`, once for all their jobs;
without any it sleeps and asks for nothing.
"""

from __future__ import annotations

import logging
import os
import resource
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.live.listener import Gone, Listener

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
#: Proxies end connections that are silent for a minute, some for half of one.
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
LISTENERS_MAX = 10_000
#: Files of the process besides the listeners' connections: requests, databases, videos.
OTHER_FILES = 256
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Event:
    """What listeners of a job are told. `id` is the same in every process for the same words."""

    id: str
    words: bytes
    is_last: bool = False


@dataclass(frozen=True)
class Change:
    """What a look found: the job's new mark, and its event; None for a job that is gone."""

    job_id: str
    mark: Any
    event: Event | None


#: From each job's mark (None: never looked at) to the jobs that have another one by now.
Look = Callable[[Mapping[str, Any]], Iterable[Change]]


class Hub:
    """All listeners of this process. Its thread begins with the first of them."""

    def __init__(
        self,
        look: Look,
        *,
        look_seconds: float = LOOK_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._look_at = look
        self._look_seconds = look_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._newcomers: deque[Listener] = deque()
        self._selector: selectors.BaseSelector
        self._bell: int
        self._bell_push: int
        self._closing = False
        self._listeners: dict[str, set[Listener]] = {}
        self._marks: dict[str, Any] = {}
        self._count = 0
        self._is_failing = False

    @property
    def count(self) -> int:
        """How many are listening."""
        return self._count

    def has_room(self) -> bool:
        """Tell whether one more may listen."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        bound = LISTENERS_MAX if files < 0 else min(LISTENERS_MAX, files - OTHER_FILES)
        return self._count < bound and not self._closing

    def add(self, connection: socket.socket, job_id: str, first: bytes, seen: str) -> None:
        """Take a connection on: send `first`, then each event of the job but the one `seen`."""
        with self._lock:
            self._count += 1
            self._newcomers.append(Listener(connection, job_id, first, seen))
            if self._thread is None:
                self._thread = self._start()
        self._ring()

    def close(self) -> None:
        """Hang up on everybody: they come back to another process."""
        self._closing = True
        if self._thread is not None:
            self._ring()
            self._thread.join(CLOSE_SECONDS)

    def _start(self) -> threading.Thread:
        self._bell, self._bell_push = os.pipe()
        os.set_blocking(self._bell, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        thread = threading.Thread(target=self._run, name="live", daemon=True)
        thread.start()
        return thread

    def _ring(self) -> None:
        os.write(self._bell_push, b"!")

    def _run(self) -> None:
        with self._selector:
            look_at = 0.0
            while not self._closing:
                pause = max(look_at - time.monotonic(), 0.0) if self._listeners else None
                self._serve(self._selector.select(pause))
                if self._listeners and time.monotonic() >= look_at:
                    look_at = time.monotonic() + self._look_seconds
                    self._look()
                    self._beat()
            for listener in self._all():
                self._let_go(listener)

    def _serve(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in ready:
            listener: Listener | None = key.data
            if listener is None:
                self._admit()
                continue
            try:
                if events & selectors.EVENT_READ:
                    listener.hear()
                if events & selectors.EVENT_WRITE:
                    listener.flush()
                    self._wait_for(listener)
            except Gone:
                self._let_go(listener)

    def _admit(self) -> None:
        os.read(self._bell, 4096)
        while self._newcomers:
            listener = self._newcomers.popleft()
            self._listeners.setdefault(listener.job_id, set()).add(listener)
            # Its job may have changed since the request read it: look at it again.
            self._marks[listener.job_id] = None
            self._selector.register(listener.connection, selectors.EVENT_READ, listener)
            self._say(listener, b"")

    def _look(self) -> None:
        try:
            for change in self._look_at(dict(self._marks)):
                self._tell(change)
            self._is_failing = False
        except SQLAlchemyError as exc:
            if not self._is_failing:
                logger.warning("listeners wait for the database: %s", type(exc).__name__)
            self._is_failing = True
        except Exception:
            # Without this thread nobody would be told anything any more.
            logger.exception("bug in a look for listeners")

    def _tell(self, change: Change) -> None:
        listeners = self._listeners.get(change.job_id)
        if listeners is None:
            return
        self._marks[change.job_id] = change.mark
        event = change.event
        for listener in list(listeners):
            listener.is_ending = event is None or event.is_last
            if event is None or event.id == listener.seen:
                words = b""
            else:
                words, listener.seen = event.words, event.id
            if words or listener.is_ending:
                self._say(listener, words)

    def _beat(self) -> None:
        now = time.monotonic()
        for listener in self._all():
            if now - listener.spoken_at >= self._heartbeat_seconds and not listener.unsent:
                self._say(listener, HEARTBEAT)

    def _say(self, listener: Listener, words: bytes) -> None:
        try:
            listener.say(words)
            self._wait_for(listener)
        except Gone:
            self._let_go(listener)

    def _wait_for(self, listener: Listener) -> None:
        """Wait for what the listener's connection can do next."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if listener.unsent else 0)
        if self._selector.get_key(listener.connection).events != events:
            self._selector.modify(listener.connection, events, listener)

    def _let_go(self, listener: Listener) -> None:
        of_job = self._listeners.get(listener.job_id, set())
        if listener not in of_job:
            return
        of_job.remove(listener)
        if not of_job:
            del self._listeners[listener.job_id]
            self._marks.pop(listener.job_id, None)
        self._selector.unregister(listener.connection)
        listener.hang_up()
        with self._lock:
            self._count -= 1

    def _all(self) -> list[Listener]:
        return [listener for of_job in self._listeners.values() for listener in of_job]
