"""An RQ job as we use it: a *run*, which wakes a worker up and carries nothing of its own."""

from __future__ import annotations

from typing import Any

from redis import Redis
from rq import Queue
from rq.job import Job
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


class RunQueue(Queue):
    """RQ's queue of such runs."""

    job_class = Run

    def __init__(self, name: str, connection: Redis, **options: Any) -> None:
        options.update(serializer=JSONSerializer, job_class=Run)
        super().__init__(name, connection, **options)
