"""One child of the worker: how it is forked, what it does, and how its parent sees it."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from flask import Flask
from rq.utils import import_attribute

from app.queues import Run, Wake, current_redis
from workers.engine.orders import Call, Done, Execute, Holding, Keep, KeepMaintenance, ToParent
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
#: A child that has grown by this much ends after its run, which gives the memory back.
GROWTH_BYTES = 64 * 2**20
#: A wait longer than this is better kept by the scheduler: a deploy would hand it over anyway.
SHORT_WAIT_SECONDS = 120.0
#: What `ru_maxrss` counts in.
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Horse:
    """A child, as its parent sees it. `lane` and `order` are what it is at work on."""

    def __init__(self, pid: int, pipe: Connection) -> None:
        self.pid = pid
        self.pipe = pipe
        self.born_at = self.idle_since = time.monotonic()
        self.lane = ""
        self.order: Execute | Call | None = None
        self.holding: Holding | None = None

    def fileno(self) -> int:
        """Return the pipe's number, for a selector."""
        return self.pipe.fileno()

    def give(self, lane: str, order: Execute | Call) -> None:
        """Set it to work. Raises `OSError` where it has died meanwhile."""
        self.lane, self.order = lane, order
        self.pipe.send(order)

    def rest(self) -> None:
        """Note that its order is carried out."""
        self.lane, self.order, self.holding = "", None, None
        self.idle_since = time.monotonic()


class Parent:
    """The parent, as a child sees it: keeps short waits, and is told what the child holds."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def tell(self, message: ToParent) -> None:
        """Send a message. Raises `OSError` where the parent is gone."""
        with self._lock:
            self._pipe.send(message)

    def hold(self, job_id: str, run_number: int) -> None:
        """Say which job this child works on from now on."""
        self.tell(Holding(job_id, run_number))

    def keep(self, wake: Wake) -> bool:
        """Take a wake-up for a look at the platform that is due soon."""
        is_short = wake.due_at.timestamp() - time.time() < SHORT_WAIT_SECONDS
        if not wake.is_poll or not is_short or stop_requested.is_set():
            return False
        self.tell(Keep(wake))
        return True

    def keep_maintenance(self, function: str) -> bool:
        """Take a call of a maintenance function."""
        if stop_requested.is_set():
            return False
        self.tell(KeepMaintenance(function))
        return True


def fork_horse(app: Flask, lifeline: tuple[int, int], let_go: Callable[[], None]) -> Horse:
    """Fork a child. `let_go` closes, in the child, what belongs to the parent alone."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid:
        theirs.close()
        return Horse(pid, ours)
    status = 1
    try:
        ours.close()
        let_go()
        _be_told_when_to_stop(lifeline)
        _serve(app, theirs)
        status = 0
    except (EOFError, OSError):
        status = 0  # the parent wants no more, or is gone
    except BaseException:
        logger.exception("a child ended by an error")
    finally:
        # Never back into the parent's code, whatever happened.
        os._exit(status)


def _be_told_when_to_stop(lifeline: tuple[int, int]) -> None:
    stop_requested.clear()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_requested.set())
    threading.Thread(target=_outlive_nobody, args=lifeline, name="lifeline", daemon=True).start()


def _outlive_nobody(reading: int, writing: int) -> None:
    """Stop this child when its parent is gone: nobody would ever tell it to."""
    os.close(writing)
    os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(app: Flask, pipe: Connection) -> None:
    parent = Parent(pipe)
    app.extensions["parent_process"] = parent
    before = _peak_bytes()
    while True:
        order = pipe.recv()
        with app.app_context():
            why_not = _carry_out(order)
        has_grown = _peak_bytes() - before > GROWTH_BYTES
        parent.tell(Done(why_not, is_leaving=has_grown))
        if has_grown:
            return


def _carry_out(order: Execute | Call) -> str | None:
    """Return the traceback of what went wrong, if anything did."""
    try:
        if isinstance(order, Call):
            import_attribute(order.function)(*order.args)
        else:
            run = Run(order.run_id, current_redis())
            run.restore(order.fields)
            run.perform()
    except Exception:
        return traceback.format_exc()
    return None


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES
