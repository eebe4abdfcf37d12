"""The scheduler process: `python -m workers.scheduler`. One leads, the others stand by.

The leader sleeps until the next delayed run is due or an earlier one arrives, and releases what
is due. Beside that, in a thread, it sweeps and prunes.
"""

from __future__ import annotations

import logging
import random
import signal
import sys
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
from app.config import Config, ConfigError
from app.queues import QUEUE_NAMES, PostScheduler
from app.queues.scheduler import NEXT_KEY, RELEASE_BATCH, LeadershipLost
from workers.bell import Bell
from workers.leadership import TERM_SECONDS, Leadership
from workers.retention import prune
from workers.sweeper import sweep

logger = logging.getLogger(__name__)
#: The longest sleep: a third of a term, so that leadership is renewed in time.
TICK_SECONDS = TERM_SECONDS / 3
SWEEP_SECONDS = 15.0
PRUNE_SECONDS = 3600.0
REDIS_AWAY_SECONDS = 1.0

# KEYS: next, then every queue's delayed runs. Sets and returns the earliest due time, in one
# step, so that a client that adds an earlier run either is seen here or rings the bell.
_SLEEP_UNTIL = """
local earliest = nil
for i = 2, #KEYS do
  local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  if first[2] and (not earliest or tonumber(first[2]) < tonumber(earliest)) then
    earliest = first[2]
  end
end
redis.call('SET', KEYS[1], earliest or 'inf')
return earliest or ''
"""


class _Stopped(BaseException):
    """Raised by the signal handler: breaks off a sleep wherever it is."""


class SchedulerProcess:
    """Releases delayed runs while it leads."""

    def __init__(self, app: Flask, connection: Redis) -> None:
        self._app = app
        self._connection = connection
        self._leadership = Leadership(connection)
        self._schedulers = [PostScheduler(name, connection) for name in QUEUE_NAMES]
        self._sleep_until = connection.register_script(_SLEEP_UNTIL)
        self._bell = Bell(connection, TICK_SECONDS)
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
        if not self._leadership.hold():
            self._leads.clear()
            self._bell.close()  # a command still pending would take the leader's rings
            self._stopping.wait(TICK_SECONDS)
            return
        if not self._leads.is_set():
            logger.info("this scheduler leads now")
            self._leads.set()
        try:
            while self._release():
                pass
        except LeadershipLost:
            return
        keys = [NEXT_KEY, *(one.scheduled_jobs_key for one in self._schedulers)]
        earliest = self._sleep_until(keys=keys)
        pause = float(earliest) - time.time() if earliest else TICK_SECONDS
        if pause > 0:
            self._bell.sleep(min(pause, TICK_SECONDS))

    def _release(self) -> bool:
        """Release one batch of every queue; tell whether a whole batch was due somewhere."""
        now = utcnow()
        counts = [one.release_due(self._leadership.token, now)[0] for one in self._schedulers]
        return RELEASE_BATCH in counts

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
        except (RedisError, SQLAlchemyError) as exc:
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
    try:
        app = create_base()
    except ConfigError as error:
        sys.exit(str(error))
    config: Config = app.config["SETTINGS"]
    connection = Redis.from_url(
        config.redis_url, socket_connect_timeout=5, socket_timeout=TICK_SECONDS + 10
    )
    SchedulerProcess(app, connection).run()


if __name__ == "__main__":
    main()
