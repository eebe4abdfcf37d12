"""rq-scheduler for one of our queues: the delayed runs, and their release.

How it differs from the stock class, and why:
- delayed runs live under the key of RQ's own scheduled-job registry, so that rq-dashboard shows
  them;
- due times keep their fraction of a second, so that nothing is released early;
- one Lua script moves a batch of due runs to the queue, in due order. Whenever the scheduler dies,
  a run is either delayed or queued, never both and never neither;
- the script checks a fencing token: a paused scheduler that has been replaced releases nothing;
- adding a run that is due before all others rings a bell (a Redis list), so that the scheduler need
  not poll while nothing is due.

The order in which the runs of a queue wake workers does not affect priorities: a run carries no
job, and the worker claims the row that should go first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from redis.client import Pipeline
from rq.defaults import RQ_KEY_PREFIX
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq.utils import utcformat
from rq_scheduler import Scheduler

from app.queues.run import Run, RunQueue

#: The list a client pushes to when it adds a run due before all others of its queue.
BELL_KEY = f"{RQ_KEY_PREFIX}:publish:bell"
#: The highest fencing token that has released runs.
FENCE_KEY = f"{RQ_KEY_PREFIX}:publish:fence"
#: How many runs one script call moves without delaying other clients noticeably.
RELEASE_BATCH = 2000

# KEYS: delayed runs, bell. ARGV: due time, run id, queue name.
_SCHEDULE = """
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[2] then
  redis.call('RPUSH', KEYS[2], ARGV[3] .. ' ' .. ARGV[1])
  redis.call('LTRIM', KEYS[2], -100, -1)
end
"""

# Of a run whose hash is gone, or lacks the call, nothing is left: setting its status would make it
# half a run. Always writes, since a server that has become a replica would answer from old data.
# KEYS: fence, delayed runs, queue. ARGV: fencing token, now, batch, key prefix of runs,
# now in RQ's format.
_RELEASE = """
local fence = tonumber(redis.call('GET', KEYS[1]) or 0)
if fence > tonumber(ARGV[1]) then return {-1, tostring(fence)} end
redis.call('SET', KEYS[1], ARGV[1])
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
local whole = {}
for _, id in ipairs(due) do
  if redis.call('HEXISTS', ARGV[4] .. id, 'data') == 1 then
    redis.call('HSET', ARGV[4] .. id, 'status', 'queued', 'enqueued_at', ARGV[5])
    whole[#whole + 1] = id
  else
    redis.call('DEL', ARGV[4] .. id)
  end
end
if #whole > 0 then redis.call('RPUSH', KEYS[3], unpack(whole)) end
if #due > 0 then redis.call('ZREM', KEYS[2], unpack(due)) end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {#whole, first[2] or ''}
"""


@dataclass(frozen=True)
class Released:
    """The result of a release: how many runs, and when the next is due (epoch seconds)."""

    count: int
    next_due: float | None


class Deposed(Exception):
    """Raised when a scheduler of a later term, `fence`, has already released runs."""

    def __init__(self, fence: int) -> None:
        super().__init__(f"term {fence} has begun")
        self.fence = fence


class PostScheduler(Scheduler):  # type: ignore[misc]
    """Holds one queue's delayed runs and releases those that are due."""

    job_class = Run
    queue_class = RunQueue

    def __init__(self, queue_name: str, connection: Redis) -> None:
        super().__init__(queue_name=queue_name, connection=connection)
        self.queue = RunQueue(queue_name, connection)
        registry = ScheduledJobRegistry(queue=self.queue)
        self.scheduled_jobs_key: str = registry.key

    def schedule_run(self, pipeline: Pipeline, run: Run, due_at: datetime) -> None:
        """Add a delayed run, in a pipeline; ring the bell if it is due before all others."""
        run.origin = self.queue_name
        run._status = JobStatus.SCHEDULED
        run.save(pipeline=pipeline)
        keys = (self.scheduled_jobs_key, BELL_KEY)
        # EVAL, not EVALSHA: a pipeline cannot fall back if Redis has lost the script.
        pipeline.eval(
            _SCHEDULE, len(keys), *keys, repr(due_at.timestamp()), run.id, self.queue_name
        )

    def forget(self, pipeline: Pipeline, run_ids: Sequence[str]) -> None:
        """Delete obsolete delayed runs, in a pipeline; unknown ids are ignored."""
        if run_ids:
            pipeline.zrem(self.scheduled_jobs_key, *run_ids)
            pipeline.delete(*(Run.key_for(run_id) for run_id in run_ids))

    def release(self, term: int, now: datetime) -> Released:
        """Queue the due runs, one batch at most; after a full batch `next_due` may be past.

        `term` is the scheduler's fencing token. Raises `Deposed` if a later one has been seen, and
        `RedisError`.
        """
        keys = (FENCE_KEY, self.scheduled_jobs_key, self.queue.key)
        args = (term, repr(now.timestamp()), RELEASE_BATCH, Run.redis_job_namespace_prefix)
        reply = self.connection.eval(_RELEASE, len(keys), *keys, *args, utcformat(now))
        count, next_due = reply
        if count < 0:
            raise Deposed(int(next_due))
        return Released(count, float(next_due) if next_due else None)
