"""Registration with RQ, which makes rq-dashboard show this worker, and recovery of lost runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from redis import Redis
from redis.client import Pipeline
from rq.utils import as_text, now, utcformat
from rq.worker import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from app.queues import QUEUE_NAMES, RunQueue

#: Pause between heartbeats to RQ. Nothing depends on them: liveness is read from the database.
HEARTBEAT_SECONDS = 300.0
#: RQ forgets a worker a minute after this.
FORGET_SECONDS = 2 * int(HEARTBEAT_SECONDS)


def in_flight_key(queue: RunQueue, worker_name: str) -> str:
    """Return the key of a worker's in-flight list: runs it has popped and not started yet."""
    return f"{queue.key}:in-flight:{worker_name}"


class Registration:
    """One worker's entry in RQ's lists. `running_run_ids` returns the runs that it executes."""

    def __init__(
        self,
        worker: BaseWorker,
        queues: Sequence[RunQueue],
        running_run_ids: Callable[[], Collection[str]],
    ) -> None:
        self._worker = worker
        self._connection: Redis = worker.connection
        self._queues = queues
        self._all_queues = [RunQueue(name, self._connection) for name in QUEUE_NAMES]
        self._running_run_ids = running_run_ids
        self._next_heartbeat_at = 0.0
        self._is_known = False
        worker.worker_ttl = FORGET_SECONDS

    def invalidate(self) -> None:
        """Register again next time: Redis was away and may have lost everything."""
        self._is_known = False

    def seconds(self) -> float:
        """Return the seconds until the next heartbeat is due."""
        return self._next_heartbeat_at - time.monotonic() if self._is_known else 0.0

    def renew(self) -> None:
        """Send a heartbeat if one is due, and recover dead workers' runs. Raises `RedisError`."""
        if self._is_known and time.monotonic() < self._next_heartbeat_at:
            return
        pause = HEARTBEAT_SECONDS
        if not self._is_known or not self._send_heartbeat():
            self._connection.delete(self._worker.key)
            self._worker.register_birth()
            self._put_back(self._worker.name, self._running_run_ids(), self._queues)
            self._is_known = True
            # Once more after all queues are listened to: until then, Redis may restart empty
            # unnoticed, because the pool silently reopens a closed connection.
            pause = 0.0
        for name in self._dead_workers():
            # It may have served queues that this worker does not.
            self._put_back(name, (), self._all_queues)
            self._forget(name)
        self._next_heartbeat_at = time.monotonic() + pause

    def end(self) -> None:
        """Remove this worker from RQ's lists. Raises `RedisError`."""
        self._worker.register_death()

    def _send_heartbeat(self) -> bool:
        """Tell whether Redis still knows this worker."""
        pipeline = self._connection.pipeline(transaction=False)
        pipeline.expire(self._worker.key, FORGET_SECONDS + 60, xx=False)
        pipeline.hset(self._worker.key, "last_heartbeat", utcformat(now()))
        return bool(pipeline.execute()[0])

    def _dead_workers(self) -> list[str]:
        prefix = self._worker.redis_worker_namespace_prefix
        keys = [as_text(key) for key in self._connection.smembers(REDIS_WORKER_KEYS)]
        pipeline = self._connection.pipeline(transaction=False)
        for key in keys:
            pipeline.exists(key)
        is_alive = pipeline.execute()
        return [key.removeprefix(prefix) for key, alive in zip(keys, is_alive) if not alive]

    def _put_back(
        self, name: str, running_run_ids: Collection[str], queues: Sequence[RunQueue]
    ) -> None:
        """Move the runs that a worker has popped and no longer executes back to their queues.

        Safe to call twice: a run that finds nothing to do does nothing.
        """
        for queue in queues:
            while self._connection.lmove(in_flight_key(queue, name), queue.key, "RIGHT", "LEFT"):
                pass
            for member in self._connection.zrange(queue.started_key, 0, -1):
                entry = as_text(member)  # type: ignore[arg-type]
                run_id, _, owner = entry.partition(":")
                if owner == name and run_id not in running_run_ids:
                    pipeline: Pipeline = self._connection.pipeline()
                    pipeline.zrem(queue.started_key, entry)
                    pipeline.lpush(queue.key, run_id)
                    pipeline.execute()

    def _forget(self, name: str) -> None:
        key = self._worker.redis_worker_namespace_prefix + name
        pipeline = self._connection.pipeline(transaction=False)
        pipeline.srem(REDIS_WORKER_KEYS, key)
        for queue in self._all_queues:
            pipeline.srem(WORKERS_BY_QUEUE_KEY % queue.name, key)
        pipeline.execute()
