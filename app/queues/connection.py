"""The client of Redis: short timeouts, and connections that follow the primary after a failover."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    SSLConnection,
)
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import ReadOnlyError, ResponseError
from redis.retry import Retry

#: How long an API request may wait for Redis before it relies on the row alone.
CONNECT_SECONDS = RESPONSE_SECONDS = 2.0
#: The connections of a client that threads share: commands take a fraction of a millisecond, and a
#: thread that finds none free waits. Plans count connections: docs/operations.md adds them up.
SHARED_MOST = 4
#: The error code of a replica, within the message of a script's error.
SCRIPT_READ_ONLY = "-READONLY "


class _FollowsPrimary(AbstractConnection):
    """Closes itself when the server it leads to is no longer the primary.

    A failover can demote a server that keeps its connections open. Only a new connection looks the
    name up again, and reaches the new primary.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except ResponseError as exc:
            # Redis before 7 reports the refusal of a script's write as the script's own error.
            if not isinstance(exc, ReadOnlyError) and SCRIPT_READ_ONLY not in str(exc):
                raise
            self.disconnect()  # type: ignore[no-untyped-call]
            raise RedisGone("the server is a replica now") from exc


class PrimaryConnection(_FollowsPrimary, Connection):
    """A connection to the primary."""


class PrimarySSLConnection(_FollowsPrimary, SSLConnection):
    """A connection to the primary by TLS."""


#: The connection class by the scheme of the URL; others as redis-py chooses.
_CONNECTIONS = {"redis": PrimaryConnection, "rediss": PrimarySSLConnection}


def connect_redis(
    url: str,
    *,
    response_seconds: float = RESPONSE_SECONDS,
    retries: int = 1,
    most: int | None = SHARED_MOST,
) -> Redis:
    """Return a client with short timeouts: the API must respond even when Redis does not.

    It has at most `most` connections. None: as many as its caller uses, which is one thread that
    needs one for each pending pop.
    """
    options: dict[str, Any] = {}
    if (scheme := urlsplit(url).scheme) in _CONNECTIONS:
        # Keepalive detects a server that vanished silently, even while the connection is idle.
        options = {"socket_keepalive": True, "connection_class": _CONNECTIONS[scheme]}
    pool: type[ConnectionPool] = ConnectionPool
    if most is not None:
        pool = BlockingConnectionPool
        # A thread waits for a free one no longer than for the server itself.
        options |= {"max_connections": most, "timeout": response_seconds}
    made = pool.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=response_seconds,
        # Not after a timeout, which would only take as long again.
        retry=Retry(NoBackoff(), retries, supported_errors=(RedisGone,)),
        **options,
    )
    return Redis.from_pool(made)


def current_redis() -> Redis:
    """Return the running application's Redis client."""
    client = current_app.extensions["redis"]
    assert isinstance(client, Redis)
    return client
