"""Everything in Redis, with what RQ compresses decompressed, and the commands it has got."""

from __future__ import annotations

import pickletools
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from redis import Redis

from tests.processes import wait_until

_READERS: Mapping[bytes, Callable[[Redis, bytes], Any]] = {
    b"none": lambda redis, key: [],  # it expired between the two reads
    b"string": lambda redis, key: [redis.get(key)],
    b"hash": lambda redis, key: [part for pair in redis.hgetall(key).items() for part in pair],
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1),
    b"stream": lambda redis, key: [
        part for _, fields in redis.xrange(key) for pair in fields.items() for part in pair
    ],
}


def values(redis: Redis) -> Iterator[bytes]:
    """Yield every key, field and value, and the content of compressed ones."""
    for key in redis.scan_iter():
        yield key
        for value in _READERS[redis.type(key)](redis, key):
            if value is None:
                continue  # it expired between the two reads
            yield value
            try:
                yield zlib.decompress(value)
            except zlib.error:
                pass


def is_pickled(value: bytes) -> bool:
    """Return whether a value is a pickle of a protocol that Python writes by default."""
    if value[:1] != b"\x80":
        return False
    try:
        return any(step.name == "STOP" for step, _, _ in pickletools.genops(value))
    except ValueError:
        return False


def commands(redis: Redis) -> dict[str, int]:
    """Count the commands by name, without those that count."""
    stats = redis.info("commandstats")
    counted = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    return {name: n for name, n in counted.items() if not name.startswith(("config", "info"))}


def wait_until_quiet(redis: Redis, seconds: float = 3.0) -> None:
    """Wait until Redis has got no command for some seconds, then count from zero."""
    last, since = commands(redis), time.monotonic()

    def is_quiet() -> bool:
        nonlocal last, since
        if (now := commands(redis)) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    wait_until(is_quiet, "a quiet Redis")
    redis.config_resetstat()
