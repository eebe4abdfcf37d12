"""Runs for rq-dashboard, whatever Redis holds: nothing is unpickled, what is unreadable says so.

Its views would fetch RQ's own jobs, and unpickle them in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.results import Result

from app.queues import Run

#: What a page shows instead.
UNREADABLE = "unreadable"
T = TypeVar("T")


class ShownRun(Run):
    """A run as Redis has it, which need not be one of ours. What is no run at all is not found."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        _read(lambda: super(ShownRun, self).__init__(id, connection))

    def restore(self, raw_data: Any) -> Any:
        """Take the fields of a hash. Raises `NoSuchJobError`."""
        _read(lambda: super(ShownRun, self).restore(raw_data))
        # Nothing of ours has these, and RQ would follow them to runs that it unpickles.
        self.group_id = self.rate_limit_key = None
        self._dependency_ids = []

    def latest_result(self, timeout: int = 0) -> Result | None:
        """Return the latest result; an unreadable one says so in place of its traceback."""
        try:
            return _read(lambda: super(ShownRun, self).latest_result(timeout))
        except NoSuchJobError:
            # RQ takes one without an id for none.
            return Result(
                self.id, Result.Type.FAILED, self.connection, UNREADABLE, exc_string=UNREADABLE
            )

    def get_meta(self, refresh: bool = True) -> Any:
        """Return the metadata."""
        try:
            return _read(lambda: super(ShownRun, self).get_meta(refresh))
        except NoSuchJobError:
            return UNREADABLE

    def get_call_string(self) -> str | None:
        """Return the call as Python would write it."""
        try:
            return _read(super().get_call_string)
        except NoSuchJobError:
            return UNREADABLE


class ShownQueue(Queue):
    """A queue of such runs."""

    job_class = ShownRun

    def fetch_job(self, job_id: str) -> Job | None:
        """Return a run, or None; RQ would take what it does not find off the queue, by a GET."""
        try:
            run = ShownRun.fetch(job_id, connection=self.connection)
        except NoSuchJobError:
            return None
        return run if run.origin == self.name else None


def requeue_run(run_id: str, connection: Redis) -> Job:
    """Queue a failed run again. Raises `NoSuchJobError` and `InvalidJobOperation`."""
    return ShownRun.fetch(run_id, connection=connection).requeue()


def _read(reading: Callable[[], T]) -> T:
    """Read; raises `NoSuchJobError` for whatever RQ makes of what it cannot read."""
    try:
        return reading()
    except RedisError:
        raise
    except Exception as exc:
        raise NoSuchJobError(str(exc)) from exc
