"""How many commands Redis has carried out: each counted, also those inside scripts."""

from __future__ import annotations

from redis import Redis

#: What the counting itself sends.
_OWN = {"cmdstat_info", "cmdstat_config", "cmdstat_config|resetstat"}


def reset_commands(redis: Redis) -> None:
    """Begin to count."""
    redis.config_resetstat()


def count_commands(redis: Redis) -> int:
    """Return how many commands there were since the reset."""
    statistics = redis.info("commandstats")
    return sum(int(entry["calls"]) for name, entry in statistics.items() if name not in _OWN)


def used_memory(redis: Redis) -> int:
    """Return how many bytes of data Redis holds."""
    return int(redis.info("memory")["used_memory"])
