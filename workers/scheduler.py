"""The scheduler process: `python -m workers.scheduler`. One leads, the others stand by.

The leader sleeps until the next delayed run is due or an earlier one arrives, and releases what
is due. Beside that, in a thread, it sweeps and prunes.
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
from app.queues import QUEUE_NAMES, PostScheduler
from app.settings import process_config
from app.storage.errors import StorageError
from workers.bell import Bell
from workers.leadership import TERM_SECONDS, Leadership
from workers.retention import prune
from workers.sweeper import sweep

logger = logging.getLogger(__name__)
#: The longest sleep of the leader, so that its term is extended in time.
TICK_SECONDS = TERM_SECONDS - 2
#: How often a standby looks whether there is a leader.
STANDBY_SECONDS = 10 - TERM_SECONDS
#: The bell's command outlives many sleeps, and is sent anew only this often.
LISTEN_SECONDS = 600.0
SWEEP_SECONDS = 15.0
PRUNE_SECONDS = 3600.0
REDIS_AWAY_SECONDS = 1.0
ANSWER_SECONDS = 10.0


class _Stopped(BaseException):
    """Raised by the signal handler: breaks off a sleep wherever it is."""


class SchedulerProcess:
    """Releases delayed runs while it leads."""

    def __init__(self, app: Flask, connection: Redis) -> None:
        self._app = app
        schedulers = [PostScheduler(name, connection) for name in QUEUE_NAMES]
        self._leadership = Leadership(connection, schedulers)
        self._bell = Bell(connection, LISTEN_SECONDS)
        self._leads = threading.Event()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then hand the leadership over at once."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        chores = threading.Thread(target=self._do_chores, name="chores", daemon=True)
        chores.start()
        try:
            while not self._stopping.is_set():
                self._turn_or_wait()
        except _Stopped:
            pass
        self._resign()

    def _turn_or_wait(self) -> None:
        try:
            self._turn()
        except RedisError as exc:
            self._leads.clear()
            # Its connection may be dead without knowing it: on that nobody can ring.
            self._bell.close()
            logger.warning("Redis does not answer: %s", type(exc).__name__)
            self._stopping.wait(REDIS_AWAY_SECONDS)

    def _turn(self) -> None:
        turn = self._leadership.take_turn(utcnow())
        if not turn.leads:
            self._leads.clear()
            self._bell.close()  # a command still pending would take the leader's rings
            self._stopping.wait(STANDBY_SECONDS)
            return
        if not self._leads.is_set():
            logger.info("this scheduler leads now")
            self._leads.set()
        pause = TICK_SECONDS if turn.next_due is None else turn.next_due - time.time()
        if pause > 0:
            self._bell.sleep(min(pause, TICK_SECONDS))

    def _do_chores(self) -> None:
        prune_at = time.monotonic() + random.uniform(0, 60)
        while not self._stopping.is_set():
            # At different moments in different processes and hours, so that nothing is in step.
            self._leads.wait()
            self._chore("sweep", sweep)
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
        if not self._stopping.is_set():
            self._stopping.set()
            raise _Stopped

    def _resign(self) -> None:
        self._bell.close()
        try:
            self._leadership.resign()
        except RedisError as exc:
            logger.warning("leadership not handed over: %s", type(exc).__name__)


def main() -> None:
    """Start the process and stay until told to stop."""
    config = process_config()
    app = create_base(config)
    connection = Redis.from_url(
        config.redis_url, socket_connect_timeout=5, socket_timeout=ANSWER_SECONDS
    )
    SchedulerProcess(app, connection).run()


if __name__ == "__main__":
    main()
