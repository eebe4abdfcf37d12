"""A process tree: the application loaded once, N children forked from it, dead ones replaced."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)
#: Heroku and Render kill what is still there 30 s after SIGTERM.
GRACE_SECONDS = 25.0
#: A child that dies this soon is started again only after a pause, so that a fault at start
#: does not become a loop that eats the machine.
EARLY_DEATH_SECONDS = 5.0
PAUSE_SECONDS = 2.0
LOOK_SECONDS = 0.2


class Supervisor:
    """Keeps `count` children running `work(number)` until it is told to stop."""

    def __init__(self, count: int, work: Callable[[int], None]) -> None:
        self._count = count
        self._work = work
        self._children: dict[int, tuple[int, float]] = {}
        self._not_before: dict[int, float] = {}
        self._stopping = False
        #: A pipe that nobody writes to: it ends when this process does, however it does.
        self._lifeline = (-1, -1)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then stop the children: kindly, and in the end by force."""
        self._lifeline = os.pipe()
        signal.signal(signal.SIGTERM, self._request_stop)
        signal.signal(signal.SIGINT, self._request_stop)
        # What is loaded by now stays shared: a collection would write to every page of it.
        gc.collect()
        gc.freeze()
        while not self._stopping:
            self._start_missing()
            self._reap()
            time.sleep(LOOK_SECONDS)
        self._stop_children()

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start_missing(self) -> None:
        running = {number for number, _ in self._children.values()}
        for number in range(self._count):
            if number in running or time.monotonic() < self._not_before.get(number, 0.0):
                continue
            pid = os.fork()
            if pid == 0:
                self._become_child(number)
            self._children[pid] = (number, time.monotonic())

    def _become_child(self, number: int) -> None:
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            threading.Thread(target=self._outlive_nobody, name="lifeline", daemon=True).start()
            self._work(number)
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            logger.exception("worker %s ended by an error", number)
        finally:
            # Never back into the parent's code, whatever happened.
            os._exit(status)

    def _outlive_nobody(self) -> None:
        """Stop this child when its parent is gone: nobody would ever tell it to."""
        reading, writing = self._lifeline
        os.close(writing)
        os.read(reading, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid not in self._children:
                continue
            number, started = self._children.pop(pid)
            if self._stopping:
                continue
            logger.warning("worker %s ended (status %s); starting another", number, status)
            if time.monotonic() - started < EARLY_DEATH_SECONDS:
                self._not_before[number] = time.monotonic() + PAUSE_SECONDS

    def _stop_children(self) -> None:
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(LOOK_SECONDS / 4)
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, signum: signal.Signals) -> None:
        for pid in self._children:
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                continue
