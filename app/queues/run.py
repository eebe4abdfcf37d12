"""An RQ job as we use it: a *run*, which wakes a worker up and carries nothing of its own."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

#: Seconds RQ keeps a run that ended its job completed, and failed (its own default is a year).
RESULT_TTL_SECONDS = 24 * 3600
FAILURE_TTL_SECONDS = 30 * 24 * 3600
#: A run is bounded by the time limits of what it calls and by its lease, not by RQ.
NO_TIMEOUT = -1


class Run(Job):
    """RQ's job with JSON instead of pickle, wherever it is made or fetched."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        super().__init__(id, connection, serializer=JSONSerializer)

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """Return the fields to store, without those that say nothing: RQ reads them alike."""
        fields = super().to_dict(include_meta, include_result)
        return {name: value for name, value in fields.items() if value != ""}

    def keep_as_finished(self, pipeline: Pipeline, result: Any, worker_name: str) -> None:
        """Put the run among those that ended well, with what it returned."""
        self._result = result
        self._handle_success(RESULT_TTL_SECONDS, pipeline, worker_name)
        pipeline.expire(self.key, RESULT_TTL_SECONDS)

    def keep_as_failed(self, pipeline: Pipeline, traceback: str, worker_name: str) -> None:
        """Put the run among those that failed, with why."""
        self._status = JobStatus.FAILED
        self.save(pipeline=pipeline)
        self._handle_failure(traceback, pipeline, worker_name)
        pipeline.expire(self.key, FAILURE_TTL_SECONDS)


def new_run(
    connection: Redis,
    function: str,
    args: tuple[str, ...],
    queue: str,
    description: str,
    run_id: str | None = None,
) -> Run:
    """Return a run of a function that is named by its dotted path; nothing is stored yet."""
    run = Run.create(
        function,
        args=args,
        connection=connection,
        origin=queue,
        id=run_id,
        description=description,
        timeout=NO_TIMEOUT,
        # A run that did its work is gone at once. What is kept of a job that ended, see
        # workers.publishing.kept_runs, is no run that was executed.
        result_ttl=0,
        failure_ttl=FAILURE_TTL_SECONDS,
    )
    assert isinstance(run, Run)
    return run


class RunQueue(Queue):
    """RQ's queue of such runs."""

    job_class = Run

    def __init__(self, name: str, connection: Redis, **options: Any) -> None:
        options.update(serializer=JSONSerializer, job_class=Run)
        super().__init__(name, connection, **options)

    @property
    def started_key(self) -> str:
        """The key of RQ's registry of runs at work."""
        return StartedJobRegistry(self.name, self.connection, job_class=Run).key
