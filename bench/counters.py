"""Counting the commands that Redis executes, including those inside scripts."""

from __future__ import annotations

from redis import Redis

#: Commands sent by the counting itself.
_OWN = {"cmdstat_info", "cmdstat_config", "cmdstat_config|resetstat"}


def reset_commands(redis: Redis) -> None:
    """Reset the count."""
    redis.config_resetstat()


def count_commands(redis: Redis) -> int:
    """Return the number of commands since the reset."""
    statistics = redis.info("commandstats")
    return sum(int(entry["calls"]) for name, entry in statistics.items() if name not in _OWN)


def used_memory(redis: Redis) -> int:
    """Return the bytes of data in Redis."""
    return int(redis.info("memory")["used_memory"])
