"""Pooled HTTP connections for every outgoing call, and deadlines that bound a call as a whole.

A socket timeout covers a single read or write, so a server that trickles a byte a minute could
hold its caller forever. A `Deadline` bounds everything inside a block.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import TimeoutError

#: A connection idle for longer is not reused: routers and servers drop those silently.
IDLE_SECONDS = 45.0
#: How long a server may accept no bytes at all while a request body is being sent.
STALL_SECONDS = 20.0
#: Transfers that average less than this are abandoned.
LEAST_BYTES_PER_SECOND = 64 * 1024
HOSTS_MAX = 32
CONNECTIONS_PER_HOST = 16
_innermost = threading.local()


class DeadlineExceeded(TimeoutError):
    """Raised on leaving a block whose deadline expired without causing any other error."""


class Deadline:
    """Breaks the connections used within a `with` block once `seconds` have passed.

    Whatever waits on one of them then fails as if the peer had hung up, and `is_expired` is True.
    Deadlines nest: the enclosing ones still apply.
    """

    def __init__(self, seconds: float) -> None:
        self.expires_at = time.monotonic() + seconds
        self.is_expired = False
        self._callbacks: list[Callable[[], None]] = []
        self._outer: Deadline | None = None

    def on_expiry(self, callback: Callable[[], None]) -> None:
        """Call `callback` at expiry; immediately if the deadline has passed."""
        self._callbacks.append(callback)
        if self.is_expired:
            callback()
        if self._outer is not None:
            self._outer.on_expiry(callback)

    def expire(self) -> None:
        """Mark the deadline as expired and run its callbacks."""
        self.is_expired = True
        for callback in self._callbacks:
            callback()

    def __enter__(self) -> Deadline:
        self._outer = getattr(_innermost, "deadline", None)
        _innermost.deadline = self
        _watchdog.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _watchdog.remove(self)
        _innermost.deadline = self._outer
        if self.is_expired and error is None:
            raise DeadlineExceeded("the call exceeded its deadline")


class _Watchdog:
    """One thread for all deadlines of a process; it sleeps until the next one expires."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: set[Deadline] = set()
        self._wakes_at: float | None = None
        self._is_started = False

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._deadlines.add(deadline)
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
            elif self._wakes_at is None or deadline.expires_at < self._wakes_at:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._deadlines.discard(deadline)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for deadline in [one for one in self._deadlines if one.expires_at <= now]:
                    self._deadlines.discard(deadline)
                    deadline.expire()
                self._wakes_at = min((one.expires_at for one in self._deadlines), default=None)
                self._changed.wait(None if self._wakes_at is None else self._wakes_at - now)


_watchdog = _Watchdog()


def _reset_after_fork() -> None:
    """Replace the watchdog: the parent's thread does not survive a fork."""
    global _watchdog
    _watchdog = _Watchdog()
    _innermost.deadline = None


os.register_at_fork(after_in_child=_reset_after_fork)


class PooledConnection:
    """What plain and TLS connections share: obeying deadlines, and expiry when idle."""

    sock: Any
    timeout: Any
    _used_at = 0.0
    _was_aborted = False

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be reused."""
        is_fresh = time.monotonic() - self._used_at < IDLE_SECONDS
        return is_fresh and bool(super().is_connected)  # type: ignore[misc]

    def connect(self) -> None:
        """Connect, within the thread's deadlines."""
        self._was_aborted = False
        super().connect()  # type: ignore[misc]
        self._obey_deadline()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, within the thread's deadlines."""
        if self.sock is not None:
            self._obey_deadline()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        """Send the headers, after which the stall timeout replaces the connect timeout."""
        super().endheaders(*args, **kwargs)  # type: ignore[misc]
        self.sock.settimeout(STALL_SECONDS)

    def getresponse(self) -> Any:
        """Read the response head."""
        response = super().getresponse()  # type: ignore[misc]
        self._used_at = time.monotonic()
        if self._was_aborted:  # a truncated head looks like a complete one
            response.close()
            raise ConnectionAbortedError
        return response

    def _obey_deadline(self) -> None:
        deadline: Deadline | None = getattr(_innermost, "deadline", None)
        if deadline is not None:
            deadline.on_expiry(self.hang_up)

    def hang_up(self) -> None:
        """Unblock a thread waiting on the socket. Closing would not, and is its owner's job."""
        self._was_aborted = True
        with suppress(OSError, AttributeError, TypeError):  # closed, or never opened
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Plain(PooledConnection, HTTPConnection):
    """A connection over http."""


class _Secure(PooledConnection, HTTPSConnection):
    """A connection over https."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class Pools:
    """Connection pools per host, shared by the threads of a process and never across a fork.

    Ignores the machine's proxy settings and netrc. `authorities` is the CA bundle to trust.
    """

    def __init__(self, authorities: str | None = None) -> None:
        self._authorities = authorities or certifi.where()
        self._lock = threading.Lock()
        self._owner_pid = 0
        self._manager: PoolManager | None = None

    @property
    def manager(self) -> PoolManager:
        """The pool manager of this process."""
        if self._manager is None or self._owner_pid != os.getpid():
            with self._lock:
                if self._owner_pid != os.getpid():
                    self._manager, self._owner_pid = self._new_manager(), os.getpid()
        assert self._manager is not None
        return self._manager

    def _new_manager(self) -> PoolManager:
        manager = PoolManager(
            num_pools=HOSTS_MAX,
            maxsize=CONNECTIONS_PER_HOST,
            cert_reqs="CERT_REQUIRED",
            ca_certs=self._authorities,
        )
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return manager


def transfer_seconds(count: int) -> float:
    """Return how many seconds a transfer of `count` bytes may take."""
    return count / LEAST_BYTES_PER_SECOND
