"""rq-scheduler for one of our queues: the delayed runs. `workers.leadership` releases them.

What differs from the stock class, and why:
- the delayed runs live under the key of RQ's own registry of scheduled runs, so that
  rq-dashboard shows them;
- due times keep their fraction of a second, so that nothing is released early;
- whoever adds a run that is due before the one the leader sleeps for wakes the leader up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from redis import Redis
from redis.client import Pipeline
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq_scheduler import Scheduler

from app.queues.run import Run, RunQueue

LEADER_KEY = "publish:scheduler:leader"
#: A list that a client pushes to when it adds a run due before the one the leader sleeps for.
BELL_KEY = "publish:scheduler:bell"
#: The due time the leader sleeps for.
NEXT_KEY = "publish:scheduler:next"

# KEYS: delayed runs, next, bell. ARGV: due time, run id.
_SCHEDULE = """
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
local next = redis.call('GET', KEYS[2])
if not next or tonumber(ARGV[1]) < tonumber(next) then
  redis.call('RPUSH', KEYS[3], '1')
  redis.call('LTRIM', KEYS[3], -1, -1)
end
"""


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
