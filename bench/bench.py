"""The context of every family of figures: the Redis that both sides share, and the sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from bench.databases import Databases
from bench.figures import Figure
from bench.node import BullMq
from bench.sizes import Size
from bench.stage import Stage, open_stage


@dataclass(frozen=True)
class Bench:
    """`bullmq` is None without Node.js: then only our side is measured."""

    redis_url: str
    redis: Redis
    folder: Path
    size: Size
    bullmq: BullMq | None
    databases: Databases

    def stage(self, platforms_url: str = "", **variables: str) -> AbstractContextManager[Stage]:
        """Set a stage for our side, with an empty Redis and database."""
        return open_stage(self.redis_url, self.databases.new(), platforms_url, **variables)


#: A family: a function that measures and yields its figures.
Family = Callable[[Bench], Iterator[Figure]]
