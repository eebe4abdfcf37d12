"""RQ jobs as we use them: a *run* only wakes a worker and carries no state of its own."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from app.queues.names import ADVANCE

#: How long RQ keeps the run of a completed job, and of a failed one (by default a year).
RESULT_TTL_SECONDS = 24 * 3600
FAILURE_TTL_SECONDS = 30 * 24 * 3600
#: Deadlines of the calls it makes and its lease bound a run, not RQ.
NO_TIMEOUT = -1


class Run(Job):
    """RQ's job, serialized as JSON instead of pickle wherever it is created or fetched."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        super().__init__(id, connection, serializer=JSONSerializer)

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """Return the fields to store, without empty ones: RQ reads a missing field the same."""
        fields = super().to_dict(include_meta, include_result)
        return {name: value for name, value in fields.items() if value != ""}

    def keep_as_finished(self, pipeline: Pipeline, result: Any, worker_name: str) -> None:
        """Add the run to RQ's finished registry, with its result."""
        self._result = result
        self._handle_success(RESULT_TTL_SECONDS, pipeline, worker_name)
        pipeline.expire(self.key, RESULT_TTL_SECONDS)

    def keep_as_failed(self, pipeline: Pipeline, traceback: str, worker_name: str) -> None:
        """Add the run to RQ's failed registry, with the traceback."""
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
    """Return a run of a function named by its dotted path, without storing it."""
    run = Run.create(
        function,
        args=args,
        connection=connection,
        origin=queue,
        id=run_id,
        description=description,
        timeout=NO_TIMEOUT,
        # An executed run is deleted at once. What is kept of an ended job is another run: see
        # workers.publishing.kept_runs.
        result_ttl=0,
        failure_ttl=FAILURE_TTL_SECONDS,
    )
    assert isinstance(run, Run)
    return run


def new_post_run(connection: Redis, platform: str, job_id: str, queue: str, run_id: str) -> Run:
    """Return a run that takes one of a platform's due posts further, without storing it."""
    description = f"{platform} post {job_id}"
    return new_run(connection, ADVANCE, (platform, job_id), queue, description, run_id)


class RunQueue(Queue):
    """RQ's queue, of such runs."""

    job_class = Run

    def __init__(self, name: str, connection: Redis, **options: Any) -> None:
        options.update(serializer=JSONSerializer, job_class=Run)
        super().__init__(name, connection, **options)

    @property
    def started_key(self) -> str:
        """The key of RQ's registry of started runs."""
        return StartedJobRegistry(self.name, self.connection, job_class=Run).key
