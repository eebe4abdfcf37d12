"""The scheduler process: `python -m workers.scheduler`. One leads, the others stand by.

The leader sleeps until the next delayed run is due or an earlier one is added, and releases what is
due. Two more threads: one renews the leadership, the other sweeps, queues periodic work and prunes.
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
from app.causes import why
from app.clock import utcnow
from app.database.engine import SCHEDULER_POOL
from app.database.versions import wait_for_tables
from app.queues import QUEUE_NAMES, Deposed, PostScheduler, connect_redis
from app.settings import process_config
from app.storage.errors import StorageError
from workers.maintenance.retention import prune
from workers.scheduling.bell import Bell
from workers.scheduling.leadership import RENEW_SECONDS, Leadership
from workers.scheduling.periodic import queue_periodic
from workers.scheduling.sweeper import Sweeper

logger = logging.getLogger(__name__)
#: The leader's longest sleep, so that it soon notices the loss of the leadership.
TICK_SECONDS = 1.0
NO_TERM_SECONDS = 0.1
SWEEP_SECONDS = 5.0
PRUNE_SECONDS = 3600.0
REDIS_AWAY_SECONDS = 1.0
RESPONSE_SECONDS = 10.0


class _Stopped(BaseException):
    """Raised by the signal handler, to interrupt a sleep wherever it is."""


class SchedulerProcess:
    """Releases delayed runs and does the leader's chores, while it leads."""

    def __init__(self, app: Flask, connection: Redis) -> None:
        self._app = app
        self._schedulers = {name: PostScheduler(name, connection) for name in QUEUE_NAMES}
        self._leadership = Leadership(app)
        self._bell = Bell(connection)
        self._sweeper = Sweeper()
        self._leads = threading.Event()
        self._is_told_to_stop = False
        self._stopping = threading.Event()  # takes a lock, so the signal handler must not set it
        #: queue → when its next run is due (epoch seconds); empty while we do not lead
        self._next_due: dict[str, float] = {}

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then resign the leadership at once."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True)
            for work in (self._renew_leadership, self._do_chores, self._prune_regularly)
        ]
        for thread in threads:
            thread.start()
        try:
            while True:
                self._release_or_wait()
        except _Stopped:
            self._stopping.set()
        self._bell.close()
        threads[0].join(RENEW_SECONDS)
        self._leadership.resign()

    def _release_or_wait(self) -> None:
        try:
            self._release_due()
        except Deposed as deposed:
            logger.warning("Redis has seen a later term than ours: %s", deposed)
            self._leadership.outbid(deposed.fence)
            self._step_down()
            time.sleep(RENEW_SECONDS)
        except RedisError as exc:
            # The bell's connection may be dead unnoticed, and Redis may have lost its memory, so
            # every queue is checked again.
            self._bell.close()
            self._next_due.clear()
            self._sweeper.invalidate()
            logger.warning("Redis does not respond: %s", why(exc))
            time.sleep(REDIS_AWAY_SECONDS)

    def _release_due(self) -> None:
        term = self._leadership.term
        if term is None:
            self._step_down()
            # The flag may still be set although the term is over: the renewing thread hangs.
            is_renewing = self._leads.wait(RENEW_SECONDS)
            time.sleep(NO_TERM_SECONDS if is_renewing else 0.0)
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
        self._bell.close()  # a pending pop would take rings meant for the leader

    def _renew_leadership(self) -> None:
        while not self._stopping.is_set():
            if self._leadership.renew():
                self._leads.set()
            else:
                self._leads.clear()
            self._stopping.wait(RENEW_SECONDS)

    def _do_chores(self) -> None:
        while not self._stopping.is_set():
            self._leads.wait()
            self._do("sweep", self._sweeper.sweep)
            self._do("periodic", queue_periodic)
            # With jitter, so that processes do not fall into step.
            self._stopping.wait(SWEEP_SECONDS * random.uniform(0.8, 1.2))

    def _prune_regularly(self) -> None:
        """Prune in a thread of its own: a slow video store must not delay the sweep."""
        self._stopping.wait(random.uniform(0, 60))
        while not self._stopping.is_set():
            self._leads.wait()
            self._do("prune", prune)
            self._stopping.wait(PRUNE_SECONDS)

    def _do(self, name: str, chore: Callable[[datetime], None]) -> None:
        if not self._leads.is_set():
            return
        try:
            with self._app.app_context():
                chore(utcnow())
        except (RedisError, SQLAlchemyError, StorageError) as exc:
            logger.warning("%s put off: %s", name, why(exc))
        except Exception:
            # The thread must survive: nothing else finds lost wake-ups.
            logger.exception("bug in a chore: %s", name)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        if not self._is_told_to_stop:
            self._is_told_to_stop = True
            raise _Stopped


def main() -> None:
    """Run the scheduler until SIGTERM or SIGINT."""
    config = process_config()
    app = create_base(config, SCHEDULER_POOL)
    with app.app_context():
        wait_for_tables()
    connection = connect_redis(config.redis_url, response_seconds=RESPONSE_SECONDS, most=None)
    SchedulerProcess(app, connection).run()


if __name__ == "__main__":
    main()
