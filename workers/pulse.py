"""A worker's sign of life while a run keeps it busy, and its registration with Redis.

RQ's simple worker gives signs of life only between two runs, so one that uploads for ten minutes
would be taken for dead; and it registers once, so after Redis lost its memory nobody would know
of it until it is started again.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job
from rq.worker import SimpleWorker

logger = logging.getLogger(__name__)
#: A worker that is idle or busy is heard of this often, and forgotten a minute later.
PULSE_SECONDS = 60


class Pulse:
    """Sends a worker's heartbeats from a thread of its own while the block runs."""

    def __init__(self, worker: SimpleWorker, run: Job, execution: Execution) -> None:
        self._worker = worker
        self._run = run
        self._execution = execution
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(PULSE_SECONDS):
            try:
                self._worker.maintain_heartbeats(self._run, self._execution)
            except RedisError as exc:
                logger.warning("no sign of life given: %s", type(exc).__name__)
