"""HTTP connections for all that the service sends: kept per host, and no call without an end.

The time limits of a socket hold for one read or write, so a server that trickles a byte a minute
would hold its caller for ever. A `Limit` holds for all of a block.
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

#: A connection that rested longer is not used again: routers and servers drop them unseen.
IDLE_SECONDS = 45.0
#: How long a server may take in nothing at all while it is sent a body.
STALL_SECONDS = 20.0
#: Whoever transfers more slowly than this on average is given up.
LEAST_BYTES_PER_SECOND = 64 * 1024
HOSTS_MAX = 32
CONNECTIONS_PER_HOST = 16
_innermost = threading.local()


class LimitReached(TimeoutError):
    """Raised at the end of a block that its limit has cut short without any other error."""


class Limit:
    """Breaks the connections that are used within a `with` block once `seconds` are over.

    One around another holds as well.

    What waits on one of them then fails as if the other side had hung up, and `is_over` is True.
    """

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.is_over = False
        self._breaks: list[Callable[[], None]] = []
        self._outer: Limit | None = None

    def break_with(self, break_off: Callable[[], None]) -> None:
        """Call `break_off` at the end, too; now, where that is past."""
        self._breaks.append(break_off)
        if self.is_over:
            break_off()
        if self._outer is not None:
            self._outer.break_with(break_off)

    def end(self) -> None:
        """Break everything off."""
        self.is_over = True
        for break_off in self._breaks:
            break_off()

    def __enter__(self) -> Limit:
        self._outer = getattr(_innermost, "limit", None)
        _innermost.limit = self
        _watch.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _watch.remove(self)
        _innermost.limit = self._outer
        if self.is_over and error is None:
            raise LimitReached("the whole took too long")


class _Watch:
    """One thread for all limits of a process; it sleeps until the next one ends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limits: set[Limit] = set()
        self._wakes_at: float | None = None
        self._is_started = False

    def add(self, limit: Limit) -> None:
        with self._changed:
            self._limits.add(limit)
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._run, name="limits", daemon=True).start()
            elif self._wakes_at is None or limit.ends_at < self._wakes_at:
                self._changed.notify()

    def remove(self, limit: Limit) -> None:
        with self._changed:
            self._limits.discard(limit)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for limit in [limit for limit in self._limits if limit.ends_at <= now]:
                    self._limits.discard(limit)
                    limit.end()
                self._wakes_at = min((limit.ends_at for limit in self._limits), default=None)
                self._changed.wait(None if self._wakes_at is None else self._wakes_at - now)


_watch = _Watch()


def _begin_anew() -> None:
    """Start without the parent's thread after a fork."""
    global _watch
    _watch = _Watch()
    _innermost.limit = None


os.register_at_fork(after_in_child=_begin_anew)


class KeptConnection:
    """What both kinds of connection have in common: limits, and no use when gone stale."""

    sock: Any
    timeout: Any
    _used_at = 0.0
    _was_broken = False

    @property
    def is_connected(self) -> bool:
        """Say whether it may be used again."""
        is_fresh = time.monotonic() - self._used_at < IDLE_SECONDS
        return is_fresh and bool(super().is_connected)  # type: ignore[misc]

    def connect(self) -> None:
        """Connect, within the thread's limits."""
        self._was_broken = False
        super().connect()  # type: ignore[misc]
        self._obey_limits()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, within the thread's limits."""
        if self.sock is not None:
            self._obey_limits()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        """Send the headers; from here on the limit for connecting holds no longer."""
        super().endheaders(*args, **kwargs)  # type: ignore[misc]
        self.sock.settimeout(STALL_SECONDS)

    def getresponse(self) -> Any:
        """Read the answer's head."""
        response = super().getresponse()  # type: ignore[misc]
        self._used_at = time.monotonic()
        if self._was_broken:  # a head that was cut looks like one that ended
            response.close()
            raise ConnectionAbortedError
        return response

    def _obey_limits(self) -> None:
        limit: Limit | None = getattr(_innermost, "limit", None)
        if limit is not None:
            limit.break_with(self.hang_up)

    def hang_up(self) -> None:
        """Wake whoever waits on the socket. Closing it would not, and is theirs to do."""
        self._was_broken = True
        with suppress(OSError, AttributeError, TypeError):  # it is closed, or none, by now
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Plain(KeptConnection, HTTPConnection):
    """Over http."""


class _Secure(KeptConnection, HTTPSConnection):
    """Over https."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class Pools:
    """Connections per host, shared by the threads of a process and never with a fork.

    No proxy or netrc of the machine is used. `authorities`: a file of certificates to trust.
    """

    def __init__(self, authorities: str | None = None) -> None:
        self._authorities = authorities or certifi.where()
        self._lock = threading.Lock()
        self._made_by = 0
        self._manager: PoolManager | None = None

    @property
    def manager(self) -> PoolManager:
        """This process's connections."""
        if self._manager is None or self._made_by != os.getpid():
            with self._lock:
                if self._made_by != os.getpid():
                    self._manager, self._made_by = self._new_manager(), os.getpid()
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
    """Return how long so many bytes may take."""
    return count / LEAST_BYTES_PER_SECOND
