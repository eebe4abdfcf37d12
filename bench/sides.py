"""Both sides, running against the same store and platforms, ready to publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.bench import Bench
from bench.node import DATA, BullMq, jobs_left
from bench.posts import PUBLISH_SECONDS, make_accounts, make_video, pause_for, publish
from bench.processes import Tree, wait_until
from bench.world import BUCKET, World

CONCURRENCY = 5


@dataclass(frozen=True)
class Side:
    """A publisher: `publish(count)` returns when that many more posts are live.

    `trees` are all processes involved, `worker` the one that transfers the bytes.
    """

    publish: Callable[[int], None]
    worker: Tree
    trees: Sequence[Tree]


@contextmanager
def our_side(bench: Bench, world: World, key: str) -> Iterator[Side]:
    """Run a scheduler and a worker on PostgreSQL, warmed up."""
    settings = {**world.store_settings, "WORKER_CONCURRENCY": str(CONCURRENCY)}
    with ExitStack() as parts:
        stage = parts.enter_context(bench.stage(world.platforms_url, **settings))
        scheduler = parts.enter_context(stage.leading_scheduler())
        worker = parts.enter_context(stage.worker())
        accounts, video = make_accounts(world), make_video(key)
        publish(accounts, video, 2 * CONCURRENCY)
        yield Side(lambda count: publish(accounts, video, count), worker, [scheduler, worker])


@contextmanager
def their_side(bench: Bench, bullmq: BullMq, world: World, key: str) -> Iterator[Side]:
    """Run BullMQ's worker, warmed up. Raises `RuntimeError` if a job failed."""
    bench.redis.flushall()
    settings = {
        "database": str(bench.folder / "bullmq.db"),
        "store": f"{world.store_url}/{BUCKET}",
        "platform": f"{world.platforms_url}/youtube",
        "token": world.account()["accessToken"],
    }

    def publish_all(count: int) -> None:
        bullmq.add(count=count, data={**DATA, "key": key})
        wait_until(
            lambda: jobs_left(bench.redis) == 0,
            "BullMQ has published",
            PUBLISH_SECONDS,
            pause=pause_for(count),
        )

    with bullmq.worker("publish", concurrency=CONCURRENCY, **settings) as worker:
        worker.started()
        publish_all(2 * CONCURRENCY)
        yield Side(publish_all, worker, [worker])
        worker.ended()
