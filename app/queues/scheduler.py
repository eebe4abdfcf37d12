"""rq-scheduler for one of our queues: delayed runs, and their release when they are due.

What differs from the stock class, and why:
- the delayed runs live under the key of RQ's own registry of scheduled runs, so that
  rq-dashboard shows them;
- due times keep their fraction of a second, so that nothing is released early;
- runs that are due are released in batches by one script on the server: whatever moment the
  scheduler dies at, a run is either still delayed or queued, never both and never neither;
- the script checks who leads, so that a scheduler that was paused cannot release anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq.utils import utcformat
from rq_scheduler import Scheduler

from app.queues.run import Run, RunQueue

LEADER_KEY = "publish:scheduler:leader"
#: A list that a client pushes to when it adds a run due before the one the leader sleeps for.
BELL_KEY = "publish:scheduler:bell"
#: The due time the leader sleeps for.
NEXT_KEY = "publish:scheduler:next"
RELEASE_BATCH = 1000

# KEYS: delayed runs, next, bell. ARGV: due time, run id.
_SCHEDULE = """
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
local next = redis.call('GET', KEYS[2])
if not next or tonumber(ARGV[1]) < tonumber(next) then
  redis.call('RPUSH', KEYS[3], '1')
  redis.call('LTRIM', KEYS[3], -1, -1)
end
"""

# KEYS: delayed runs, queue, leader. ARGV: token, now, batch size, run key prefix, now as text.
# Returns how many were taken and the next due time, or -1 where another scheduler leads.
_RELEASE = """
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {-1, ''} end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do
  local key = ARGV[4] .. id
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'status', 'queued', 'enqueued_at', ARGV[5])
    redis.call('RPUSH', KEYS[2], id)
  end
end
if #due > 0 then redis.call('ZREM', KEYS[1], unpack(due)) end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {#due, first[2] or ''}
"""


class LeadershipLost(Exception):
    """Raised when another scheduler leads now."""


class PostScheduler(Scheduler):  # type: ignore[misc]
    """Holds one queue's delayed runs."""

    job_class = Run
    queue_class = RunQueue

    def __init__(self, queue_name: str, connection: Redis) -> None:
        super().__init__(queue_name=queue_name, connection=connection)
        self.queue = RunQueue(queue_name, connection)
        registry = ScheduledJobRegistry(queue=self.queue)
        self.scheduled_jobs_key: str = registry.key
        self._schedule = connection.register_script(_SCHEDULE)
        self._release = connection.register_script(_RELEASE)

    def schedule_run(self, pipeline: Pipeline, run: Run, due_at: datetime) -> None:
        """Add one delayed run to a pipeline; ring the leader where it sleeps for a later one."""
        run.origin = self.queue_name
        run.set_status(JobStatus.SCHEDULED, pipeline=pipeline)
        run.save(pipeline=pipeline)
        keys = [self.scheduled_jobs_key, NEXT_KEY, BELL_KEY]
        self._schedule(keys=keys, args=[repr(due_at.timestamp()), run.id], client=pipeline)

    def forget(self, pipeline: Pipeline, run_ids: Sequence[str]) -> None:
        """Drop delayed runs that no longer mean anything; unknown ids do no harm."""
        if run_ids:
            pipeline.zrem(self.scheduled_jobs_key, *run_ids)
            pipeline.delete(*(Run.key_for(run_id) for run_id in run_ids))

    def release_due(self, token: str, now: datetime) -> tuple[int, float | None]:
        """Move up to a batch of due runs to the queue, in due order, atomically.

        Return how many there were and the next due time (epoch seconds). Raises
        `LeadershipLost` when `token` is not the leader's.
        """
        keys = [self.scheduled_jobs_key, self.queue.key, LEADER_KEY]
        args: list[Any] = [token, repr(now.timestamp()), RELEASE_BATCH]
        args += [Run.redis_job_namespace_prefix, utcformat(now)]
        count, following = self._release(keys=keys, args=args)
        if count < 0:
            raise LeadershipLost
        return int(count), float(following) if following else None
