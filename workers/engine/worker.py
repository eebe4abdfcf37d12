"""The parent: an RQ worker that pops runs, dispatches them to its children and settles them."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FrameType
from typing import Any

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.utils import import_attribute
from rq.worker import BaseWorker

from app.causes import last_line, why
from app.ids import new_id
from app.queues import Run, RunQueue, wake
from app.queues.names import RELEASE
from workers.engine.closing import do_until
from workers.engine.exchange import Exchange, FinishedRun
from workers.engine.horses import Horses
from workers.engine.listener import Listener
from workers.engine.orders import Call, Execute
from workers.engine.registration import Registration, in_flight_key
from workers.engine.slots import Slots
from workers.engine.timer import TimedCall, Timer

logger = logging.getLogger(__name__)
#: Heroku and Render kill a process 30 s after SIGTERM.
GRACE_SECONDS = 25.0
#: At most so much later the process ends, though Redis or the database has not been told.
CLOSING_SECONDS = 2.0
#: How long a Redis command may take, and the pause after a Redis error.
RESPONSE_SECONDS = 10
REDIS_AWAY_SECONDS = 1.0
#: The longest sleep, for checks that no event triggers.
TICK_SECONDS = 30.0


class PublishWorker(BaseWorker):
    """One RQ worker with many children.

    `slots` limits how many runs execute at once; `periodic` maps calls to the pause in seconds
    between two of them.
    """

    job_class = Run
    queue_class: type[Queue] = RunQueue

    def __init__(
        self,
        app: Flask,
        queues: list[RunQueue],
        connection: Redis,
        slots: Slots,
        periodic: Mapping[Call, float],
    ) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-6:]}"
        super().__init__(queues, name=name, connection=connection, prepare_for_work=False)
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self._app = app
        self._slots = slots
        self._periodic = periodic
        self._exchange = Exchange(connection, queues, name)
        self._listeners = {
            queue.name: Listener(connection, queue.key, in_flight_key(queue, name))
            for queue in queues
        }
        self._horses = Horses(app, self._listeners.values())
        self._registration = Registration(self, queues, self._horses.running_run_ids)
        self._timer = Timer()
        #: runs that have ended and are not settled in Redis yet
        self._finished: list[FinishedRun] = []
        #: runs that were popped and not started yet: (queue, id)
        self._popped: list[tuple[str, str]] = []
        self._rotation = [queue.name for queue in queues]
        self._away_until = 0.0
        #: when this worker was told to stop, on the monotonic clock
        self._told_at: float | None = None

    @property
    def connection_timeout(self) -> int:
        """Seconds a command may take; RQ's own value allows for a blocking pop."""
        return RESPONSE_SECONDS

    def work(self, *_: Any, **__: Any) -> bool:
        """Work until SIGTERM or SIGINT, then let the children hand their jobs back."""
        self._horses.listen_for_signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.request_stop)
        for call, seconds in self._periodic.items():
            self._timer.add(TimedCall(call.function, call))
        while self._told_at is None:
            self._run_once()
        self.shut_down()
        return True

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take no more runs. A second signal, such as a terminal's beside the supervisor's, has no
        effect: it must not interrupt children that hand their jobs back."""
        if self._told_at is None:
            self._told_at = time.monotonic()
            self._horses.tell_to_stop()  # now: this process may be waiting for Redis

    def _run_once(self) -> None:
        """Wait for an event and handle it."""
        self._serve_timer()
        self._with_redis(self._sync)
        self._horses.keep_one_idle()
        listeners = [one for one in self._listeners.values() if one.is_listening]
        for source in self._horses.wait(listeners, self._pause()):
            if isinstance(source, Listener):
                self._with_redis(partial(self._read, source))
        for pool, order, traceback in self._horses.settled(self._timer):
            self._settle(pool, order, traceback)

    def _pause(self) -> float:
        until_back = max(self._away_until - time.monotonic(), 0.0)
        pauses = [TICK_SECONDS, self._timer.seconds(), self._registration.seconds()]
        if until_back:
            pauses[-1] = until_back
        return max(min(pauses), 0.0)

    def _settle(self, pool: str, order: Execute | Call, traceback: str | None) -> None:
        self._slots.release(pool)
        if traceback is not None:
            what = order.run_id if isinstance(order, Execute) else order.function
            logger.warning("%s failed: %s", what, last_line(traceback))
        if isinstance(order, Execute):
            self._finished.append(FinishedRun(pool, order.run_id, order.fields, traceback))
        if isinstance(order, Call) and order in self._periodic:
            self._timer.add(TimedCall(pool, order), self._periodic[order])

    def _serve_timer(self) -> None:
        for timed in self._timer.take_due(self._slots.is_free):
            self._dispatch(timed.pool, timed.call)

    def _dispatch(self, pool: str, order: Execute | Call) -> None:
        self._slots.take(pool)
        self._horses.dispatch(pool, order)

    # Everything below talks to Redis.

    def _with_redis(self, action: Callable[[], None]) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            action()
        except RedisError as exc:
            logger.warning("Redis does not respond: %s", why(exc))
            self._stop_listening()
            self._popped = []  # they are on the in-flight list, or Redis has lost everything
            self._registration.invalidate()
            self._away_until = time.monotonic() + REDIS_AWAY_SECONDS

    def _stop_listening(self) -> None:
        self._horses.watch(())
        for listener in self._listeners.values():
            listener.close()

    def _sync(self) -> None:
        self._registration.renew()
        self._exchange_runs()
        for name, listener in self._listeners.items():
            listener.check()
            if self._slots.is_free(name):
                listener.listen()

    def _read(self, listener: Listener) -> None:
        run_id = listener.read()
        if run_id is not None:
            name = next(name for name, one in self._listeners.items() if one is listener)
            self._popped.append((name, run_id))

    def _exchange_runs(self) -> None:
        """Settle finished runs, start popped ones and, while slots are free, the next in line, in
        one round trip. What fails to be sent is sent again next time."""
        if not self._finished and not self._popped:
            return
        reserved = []
        for name, run_id in self._popped:
            if self._slots.is_free(name):
                self._slots.take(name)
                reserved.append(name)
                self._exchange.start(name, run_id)
            else:
                self._exchange.put_back(name, run_id)
        offers = self._offers()
        for run in self._finished:
            self._exchange.finish(run, next(offers, ()))
        try:
            started = self._exchange.send()
        finally:
            for name in reserved:
                self._slots.release(name)
        self._finished, self._popped = [], []
        self._rotation.append(self._rotation.pop(0))
        for one in started:
            self._dispatch(one.queue, Execute(one.run_id, one.fields))

    def _offers(self) -> Iterator[tuple[str, ...]]:
        """Yield, for each run settled in one exchange, the queues to take a next run from.

        Which queues the earlier offers took from is not known yet, so each may count for any.
        """
        for before in itertools.count():
            yield tuple(
                name
                for name in self._rotation
                if self._slots.room(name) > before and not self._listeners[name].is_listening
            )

    def shut_down(self) -> None:
        """Have every child hand its job back; end the leases of those that were killed instead."""
        self._stop_listening()
        assert self._told_at is not None
        grace_end = self._told_at + GRACE_SECONDS
        for pool, order, traceback in self._horses.stop(grace_end, self._timer):
            self._settle(pool, order, traceback)
        releases = {one.call for one in self._timer if one.call.function == RELEASE}
        end = grace_end + CLOSING_SECONDS
        do_until([self._leave_redis, *(partial(self._release, one) for one in releases)], end)

    def _release(self, call: Call) -> None:
        """Release the job of a dead child, which no child is left to do."""
        with self._app.app_context():
            import_attribute(call.function)(*call.args)

    def _leave_redis(self) -> None:
        """Schedule the timed polls in Redis, settle what ended, and deregister."""
        with self._app.app_context():
            wake([timed.wake for timed in self._timer if timed.wake is not None])
        self._away_until = 0.0
        self._with_redis(self._deregister)

    def _deregister(self) -> None:
        for run in self._finished:
            self._exchange.finish(run, ())
        for name, run_id in self._popped:
            self._exchange.put_back(name, run_id)
        self._exchange.send()
        self._registration.end()
