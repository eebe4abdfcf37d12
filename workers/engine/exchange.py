"""The worker's commands to Redis about runs, batched into one round trip.

A run is always in one of three places: on its queue, on a worker's in-flight list, or in RQ's
registry of started runs under the worker's name. So the runs of a dead worker can be put back.
Nothing here decides about a post: the rows do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq.utils import utcformat

from app.clock import utcnow
from app.queues import Run, RunQueue
from app.queues.run import FAILURE_TTL_SECONDS
from workers.engine.registration import in_flight_key

logger = logging.getLogger(__name__)
#: RQ considers a started run abandoned after this; ours end long before.
STARTED_FOR = timedelta(days=2)

# KEYS: run, in-flight list, started runs. ARGV: run id, entry, its score, now, worker.
_START = """
redis.call('LREM', KEYS[2], 1, ARGV[1])
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return false end
redis.call('HSET', KEYS[1], 'status', 'started', 'started_at', ARGV[4], 'worker_name', ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
return fields
"""

# KEYS: run, its started runs, then each queue to take from and its started runs.
# ARGV: entry, whether to keep the run, then for the next: score, now, worker, prefix of runs.
_FINISH = """
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) end
for i = 3, #KEYS, 2 do
  local id = redis.call('LPOP', KEYS[i])
  if id then
    local fields = redis.call('HGETALL', ARGV[6] .. id)
    if #fields > 0 then
      redis.call('HSET', ARGV[6] .. id,
                 'status', 'started', 'started_at', ARGV[4], 'worker_name', ARGV[5])
      redis.call('ZADD', KEYS[i + 1], ARGV[3], id .. ':' .. ARGV[5])
      return {(i - 3) / 2, id, fields}
    end
  end
end
return false
"""


@dataclass(frozen=True)
class StartedRun:
    """A run that this worker has started: its queue, and its hash in Redis."""

    queue: str
    run_id: str
    fields: dict[bytes, bytes]


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended; `traceback` is None unless it failed."""

    queue: str
    run_id: str
    fields: dict[bytes, bytes]
    traceback: str | None


class Exchange:
    """Collects commands and sends them at once."""

    def __init__(self, connection: Redis, queues: Sequence[RunQueue], worker_name: str) -> None:
        self._connection = connection
        self._queues = {queue.name: queue for queue in queues}
        self._worker = worker_name
        self._pipeline: Pipeline = connection.pipeline(transaction=False)
        #: for each command of the pipeline, how to read its reply
        self._readers: list[tuple[str, Any] | None] = []

    def start(self, queue: str, run_id: str) -> None:
        """Start a run that a listener has popped."""
        keys = (
            Run.key_for(run_id),
            in_flight_key(self._queues[queue], self._worker),
            self._queues[queue].started_key,
        )
        args = (run_id, f"{run_id}:{self._worker}", self._score(), _now(), self._worker)
        self._add("start", (queue, run_id)).eval(_START, len(keys), *keys, *args)

    def put_back(self, queue: str, run_id: str) -> None:
        """Return a popped run to the head of its queue, as no slot is free for it."""
        self._add("nothing", None).lpush(self._queues[queue].key, run_id)
        self._add("nothing", None).lrem(in_flight_key(self._queues[queue], self._worker), 1, run_id)

    def finish(self, run: FinishedRun, take_from: Sequence[str]) -> None:
        """Settle a run, and start the next one from the first of these queues that has any."""
        is_kept = run.traceback is not None and self._has_kept_as_failed(run, run.traceback)
        keys = [Run.key_for(run.run_id), self._queues[run.queue].started_key]
        for name in take_from:
            keys += [self._queues[name].key, self._queues[name].started_key]
        keep = "1" if is_kept else "0"
        args = (f"{run.run_id}:{self._worker}", keep, self._score(), _now(), self._worker)
        prefix = Run.redis_job_namespace_prefix
        self._add("finish", tuple(take_from)).eval(_FINISH, len(keys), *keys, *args, prefix)

    def send(self) -> list[StartedRun]:
        """Send the collected commands; return the runs that they started. Raises `RedisError`."""
        pipeline, readers = self._pipeline, self._readers
        self._pipeline = self._connection.pipeline(transaction=False)
        self._readers = []
        if not readers:
            return []
        started = []
        for reader, reply in zip(readers, pipeline.execute()):
            if reader is not None and reply:
                started.append(_read(*reader, reply))
        return started

    def _add(self, kind: str, sent: Any) -> Pipeline:
        self._readers.append(None if kind == "nothing" else (kind, sent))
        return self._pipeline

    def _has_kept_as_failed(self, run: FinishedRun, traceback: str) -> bool:
        """Keep a failed run, unless its hash is no run: that must not end the worker."""
        commands = self._pipeline.command_stack
        before = len(commands)
        try:
            failed = Run(run.run_id, self._connection)
            failed.restore(run.fields)
            # Not what the hash says: it may name another queue, or a term that Redis refuses.
            failed.origin, failed.failure_ttl = run.queue, FAILURE_TTL_SECONDS
            failed.keep_as_failed(self._pipeline, traceback, self._worker)
        except Exception as exc:  # whatever RQ makes of it: nothing has been sent yet
            del commands[before:]
            why = type(exc).__name__
            logger.error("run %r is dropped, as its hash is no run: %s", run.run_id, why)
            return False
        self._readers += [None] * (len(commands) - before)
        return True

    @staticmethod
    def _score() -> float:
        return (utcnow() + STARTED_FOR).timestamp()


def _now() -> str:
    return str(utcformat(utcnow()))


def _read(kind: str, sent: Any, reply: Any) -> StartedRun:
    if kind == "start":
        queue, run_id = sent
        fields = reply
    else:
        position, run_id, fields = reply
        queue, run_id = sent[position], run_id.decode()
    return StartedRun(queue, run_id, dict(zip(fields[::2], fields[1::2])))
