"""The thread that serves all listeners of a process.

While there are listeners it polls the database every `POLL_SECONDS`, once for all of their jobs;
without listeners it sleeps and polls nothing.
"""

from __future__ import annotations

import logging
import math
import os
import resource
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.causes import why
from app.live.listener import Gone, Listener

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
#: Proxies close connections that are idle for a minute, some after half a minute.
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
LISTENERS_MAX = 10_000
#: One per post of the largest batch; without a bound, one user could take the places of all.
LISTENERS_PER_USER = 100
#: File descriptors reserved for everything else: requests, databases, videos.
RESERVED_FILES = 256
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Event:
    """An event for the listeners of a job. Equal content has an equal `id` in every process."""

    id: str
    content: bytes
    is_last: bool = False


@dataclass(frozen=True)
class Change:
    """A changed job: its new mark and its event; None for a job that is gone."""

    job_id: str
    mark: Any
    event: Event | None


#: Takes each job's mark (None: never polled) and yields the jobs whose mark has changed.
FindChanges = Callable[[Mapping[str, Any]], Iterable[Change]]


class Hub:
    """All listeners of this process. Its thread starts with the first of them."""

    def __init__(
        self,
        find_changes: FindChanges,
        *,
        poll_seconds: float = POLL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._find_changes = find_changes
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._joining: deque[Listener] = deque()
        self._selector: selectors.BaseSelector
        self._wake_reader: int
        self._wake_writer: int
        self._closing = False
        self._listeners: dict[str, set[Listener]] = {}
        self._marks: dict[str, Any] = {}
        self._count = 0
        self._of_users: Counter[str] = Counter()
        self._is_failing = False

    @property
    def count(self) -> int:
        """The number of listeners."""
        return self._count

    def has_room(self) -> bool:
        """Return whether another listener of any user may join."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        bound = LISTENERS_MAX if files < 0 else min(LISTENERS_MAX, files - RESERVED_FILES)
        return self._count < bound and not self._closing

    def has_room_for(self, user_id: str) -> bool:
        """Return whether this user may have another listener, if there is room at all."""
        return self._of_users[user_id] < LISTENERS_PER_USER

    def add(
        self,
        connection: socket.socket,
        job_id: str,
        first: bytes,
        seen: str,
        *,
        user_id: str,
        until: float = math.inf,
    ) -> None:
        """Add a listener: send `first`, then every event of the job except the one `seen`.

        It is disconnected at `until`, in seconds since the epoch.
        """
        listener = Listener(connection, job_id, first, seen, user_id=user_id, until=until)
        with self._lock:
            self._count += 1
            self._of_users[user_id] += 1
            self._joining.append(listener)
            if self._thread is None:
                self._thread = self._start()
        self._wake()

    def close(self) -> None:
        """Disconnect every listener; they reconnect to another process."""
        self._closing = True
        if self._thread is not None:
            self._wake()
            self._thread.join(CLOSE_SECONDS)

    def _start(self) -> threading.Thread:
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        thread = threading.Thread(target=self._run, name="live", daemon=True)
        thread.start()
        return thread

    def _wake(self) -> None:
        os.write(self._wake_writer, b"!")

    def _run(self) -> None:
        with self._selector:
            poll_at = 0.0
            while not self._closing:
                pause = max(poll_at - time.monotonic(), 0.0) if self._listeners else None
                self._serve(self._selector.select(pause))
                if self._listeners and time.monotonic() >= poll_at:
                    poll_at = time.monotonic() + self._poll_seconds
                    self._poll()
                    self._tend()
            for listener in self._all():
                self._drop(listener)

    def _serve(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in ready:
            listener: Listener | None = key.data
            if listener is None:
                self._admit()
                continue
            try:
                if events & selectors.EVENT_READ:
                    listener.receive()
                if events & selectors.EVENT_WRITE:
                    listener.flush()
                    self._update_interest(listener)
            except Gone:
                self._drop(listener)

    def _admit(self) -> None:
        os.read(self._wake_reader, 4096)
        while self._joining:
            listener = self._joining.popleft()
            self._listeners.setdefault(listener.job_id, set()).add(listener)
            # The job may have changed since the request read it, so it is polled at once.
            self._marks[listener.job_id] = None
            self._selector.register(listener.connection, selectors.EVENT_READ, listener)
            self._send(listener, b"")

    def _poll(self) -> None:
        try:
            for change in self._find_changes(dict(self._marks)):
                self._publish(change)
            self._is_failing = False
        except SQLAlchemyError as exc:
            if not self._is_failing:
                logger.warning("listeners wait for the database: %s", why(exc))
            self._is_failing = True
        except Exception:
            # If this thread died, no listener would get anything any more.
            logger.exception("bug while polling for listeners")

    def _publish(self, change: Change) -> None:
        listeners = self._listeners.get(change.job_id)
        if listeners is None:
            return
        self._marks[change.job_id] = change.mark
        event = change.event
        for listener in list(listeners):
            listener.is_ending = event is None or event.is_last
            if event is None or event.id == listener.seen:
                content = b""
            else:
                content, listener.seen = event.content, event.id
            if content or listener.is_ending:
                self._send(listener, content)

    def _tend(self) -> None:
        """Disconnect listeners whose time is over, and send heartbeats to silent ones."""
        now, date = time.monotonic(), time.time()
        for listener in self._all():
            if listener.until <= date:
                self._drop(listener)
            elif now - listener.sent_at >= self._heartbeat_seconds and not listener.unsent:
                self._send(listener, HEARTBEAT)

    def _send(self, listener: Listener, content: bytes) -> None:
        try:
            listener.send(content)
            self._update_interest(listener)
        except Gone:
            self._drop(listener)

    def _update_interest(self, listener: Listener) -> None:
        """Select on writability only while there is something unsent."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if listener.unsent else 0)
        if self._selector.get_key(listener.connection).events != events:
            self._selector.modify(listener.connection, events, listener)

    def _drop(self, listener: Listener) -> None:
        of_job = self._listeners.get(listener.job_id, set())
        if listener not in of_job:
            return
        of_job.remove(listener)
        if not of_job:
            del self._listeners[listener.job_id]
            self._marks.pop(listener.job_id, None)
        self._selector.unregister(listener.connection)
        listener.close()
        with self._lock:
            self._count -= 1
            self._of_users[listener.user_id] -= 1
            if not self._of_users[listener.user_id]:
                del self._of_users[listener.user_id]

    def _all(self) -> list[Listener]:
        return [listener for of_job in self._listeners.values() for listener in of_job]
