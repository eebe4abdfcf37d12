"""The scheduler process: `python -m workers.scheduler`. One leads, the others stand by.

The leader sleeps until the next delayed run is due or an earlier one arrives, and releases what
is due. Two threads beside that: one stays the leader, the other fetches what comes near out of
the database, sweeps and prunes.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import FrameType

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app import create_base
from app.clock import utcnow
from app.queues import QUEUE_NAMES, Deposed, PostScheduler, connect_redis
from app.settings import process_config
from app.storage.errors import StorageError
from workers.maintenance.retention import prune
from workers.scheduling.bell import Bell
from workers.scheduling.leadership import RENEW_SECONDS, Leadership
from workers.scheduling.periodic import queue_periodic
from workers.scheduling.sweeper import Sweeper

logger = logging.getLogger(__name__)
#: The longest sleep of the leader, so that it soon notices that it leads no more.
TICK_SECONDS = 1.0
WITHOUT_TERM_SECONDS = 0.1
SWEEP_SECONDS = 5.0
PRUNE_SECONDS = 3600.0
REDIS_AWAY_SECONDS = 1.0
ANSWER_SECONDS = 10.0


class _Stopped(BaseException):
    """Raised by the signal handler: breaks off a sleep wherever it is."""


class SchedulerProcess:
    """Releases delayed runs while it leads."""

    def __init__(self, app: Flask, connection: Redis) -> None:
        self._app = app
        self._schedulers = {name: PostScheduler(name, connection) for name in QUEUE_NAMES}
        self._leadership = Leadership(app)
        self._bell = Bell(connection)
        self._sweeper = Sweeper()
        self._leads = threading.Event()
        self._is_told_to_stop = False
        self._stopping = threading.Event()  # set where no signal interrupts it: it has a lock
        #: Queue → when to look at it again (epoch seconds); empty while we do not lead.
        self._next_due: dict[str, float] = {}

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then hand the leadership over at once."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True)
            for work in (self._lead, self._do_chores)
        ]
        for thread in threads:
            thread.start()
        try:
            while True:
                self._turn_or_wait()
        except _Stopped:
            self._stopping.set()
        self._bell.close()
        threads[0].join(RENEW_SECONDS)
        self._leadership.resign()

    def _turn_or_wait(self) -> None:
        try:
            self._turn()
        except Deposed:
            self._step_down()
            time.sleep(RENEW_SECONDS)
        except RedisError as exc:
            # Its connection may be dead without knowing it: on that nobody can ring. And what
            # Redis remembers is unknown, so every queue is looked at again.
            self._bell.close()
            self._next_due.clear()
            logger.warning("Redis does not answer: %s", type(exc).__name__)
            time.sleep(REDIS_AWAY_SECONDS)

    def _turn(self) -> None:
        term = self._leadership.term
        if term is None:
            self._step_down()
            # Also where the thread that renews hangs, and has not said yet that we lead no more.
            is_renewing = self._leads.wait(RENEW_SECONDS)
            time.sleep(WITHOUT_TERM_SECONDS if is_renewing else 0.0)
            return
        if not self._next_due:
            self._next_due = dict.fromkeys(self._schedulers, 0.0)
        for name, due in self._next_due.items():
            if due <= time.time():
                released = self._schedulers[name].release(term, utcnow())
                self._next_due[name] = released.next_due or float("inf")
        self._sleep()

    def _sleep(self) -> None:
        pause = min(self._next_due.values()) - time.time()
        if pause <= 0:
            return
        rung = self._bell.sleep(min(pause, TICK_SECONDS))
        if rung is not None and rung[0] in self._next_due:
            name, due = rung
            self._next_due[name] = min(self._next_due[name], due)

    def _step_down(self) -> None:
        self._next_due.clear()
        self._bell.close()  # a command still pending would take the leader's rings

    def _lead(self) -> None:
        while not self._stopping.is_set():
            if self._leadership.renew():
                self._leads.set()
            else:
                self._leads.clear()
            self._stopping.wait(RENEW_SECONDS)

    def _do_chores(self) -> None:
        prune_at = time.monotonic() + random.uniform(0, 60)
        while not self._stopping.is_set():
            # At different moments in different processes and hours, so that nothing is in step.
            self._leads.wait()
            self._chore("sweep", self._sweeper.sweep)
            self._chore("periodic", queue_periodic)
            if time.monotonic() >= prune_at:
                self._chore("prune", prune)
                prune_at = time.monotonic() + PRUNE_SECONDS
            self._stopping.wait(SWEEP_SECONDS * random.uniform(0.8, 1.2))

    def _chore(self, name: str, chore: Callable[[datetime], None]) -> None:
        if not self._leads.is_set():
            return
        try:
            with self._app.app_context():
                chore(utcnow())
        except (RedisError, SQLAlchemyError, StorageError) as exc:
            logger.warning("%s put off: %s", name, type(exc).__name__)
        except Exception:
            # Without this thread nothing that fell through would ever be found again.
            logger.exception("bug in a chore: %s", name)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        if not self._is_told_to_stop:
            self._is_told_to_stop = True
            raise _Stopped


def main() -> None:
    """Start the process and stay until told to stop."""
    config = process_config()
    app = create_base(config)
    connection = connect_redis(config.redis_url, answer_seconds=ANSWER_SECONDS)
    SchedulerProcess(app, connection).run()


if __name__ == "__main__":
    main()
