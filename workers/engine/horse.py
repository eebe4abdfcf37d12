"""One child of the worker (RQ: work horse): its fork, its loop, and its handle in the parent."""

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
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from flask import Flask
from rq.utils import import_attribute

from app.causes import masked
from app.extensions import db
from app.queues import Run, Wake, current_redis
from workers.engine.orders import Call, Claimed, Done, Execute, KeepCall, KeepWake, ToParent
from workers.engine.refusals import why_refused
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
#: A child that has grown by this much ends after its run, to release the memory.
GROWTH_BYTES = 64 * 2**20
#: A child that is idle for longer holds no connections.
IDLE_SECONDS = 2.0
#: Polls due later go to the scheduler: a deploy would hand them over anyway.
SHORT_WAIT_SECONDS = 120.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: The unit of `ru_maxrss`.
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
#: The exit status of a child that was told to stop before it read any further order. No other end
#: has it, not even that of a run that exits.
UNREAD_STATUS = 64


class Horse:
    """A child, as its parent sees it. `pool` and `order` are what it executes now."""

    def __init__(self, pid: int, pipe: Connection) -> None:
        self.pid = pid
        self.pipe = pipe
        self.born_at = self.idle_since = time.monotonic()
        self.pool = ""
        self.order: Execute | Call | None = None
        self.claimed: Claimed | None = None

    def fileno(self) -> int:
        """Return the pipe's file descriptor, for a selector."""
        return self.pipe.fileno()

    def dispatch(self, pool: str, order: Execute | Call) -> None:
        """Dispatch an order to the child. Raises `OSError` if the child has died."""
        self.pool, self.order = pool, order
        self.pipe.send(order)

    def mark_idle(self) -> None:
        """Note that the child is idle again."""
        self.pool, self.order, self.claimed = "", None, None
        self.idle_since = time.monotonic()


class Parent:
    """The `ParentProcess` of this child, at the other end of its pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, message: ToParent) -> None:
        """Send a message. Raises `OSError` if the parent has died."""
        with self._lock:
            self._pipe.send(message)

    def report_claim(self, job_id: str, run_number: int) -> None:
        """Tell the parent which job this child has claimed."""
        with suppress(OSError):  # it has died, and its end stops this child as well
            self.send(Claimed(job_id, run_number))

    def keep(self, wake: Wake) -> bool:
        """Have the parent wake for a poll that is due soon; False for any other wake-up."""
        is_short = wake.due_at.timestamp() - time.time() < SHORT_WAIT_SECONDS
        if not wake.is_poll or not is_short or stop_requested.is_set():
            return False
        return self._has_sent(KeepWake(wake))

    def keep_call(self, function: str) -> bool:
        """Have the parent call a function soon; False while the process stops."""
        if stop_requested.is_set():
            return False
        return self._has_sent(KeepCall(function))

    def _has_sent(self, message: ToParent) -> bool:
        try:
            self.send(message)
        except OSError:  # it has died: Redis keeps the wake-up
            return False
        return True


def fork_horse(app: Flask, lifeline: tuple[int, int], close_inherited: Callable[[], None]) -> Horse:
    """Fork a child. `close_inherited` closes, in the child, what belongs to the parent alone."""
    ours, theirs = Pipe()
    pid = _fork_with_signals_blocked()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        theirs.close()
        return Horse(pid, ours)
    status = 1
    try:
        ours.close()
        close_inherited()
        _watch_for_stop(lifeline)
        status = _serve_until_told_to_stop(app, theirs)
    except BaseException:
        logger.exception("a child ended by an error")
    finally:
        # Never return into the parent's code.
        os._exit(status)


def _fork_with_signals_blocked() -> int:
    """Fork, and leave the signals blocked: the parent's handlers would swallow the child's."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        return os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        raise


def _watch_for_stop(lifeline: tuple[int, int]) -> None:
    stop_requested.clear()
    signal.set_wakeup_fd(-1)
    _on_stop(_request_stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    threading.Thread(target=_stop_with_parent, args=lifeline, name="lifeline", daemon=True).start()


def _on_stop(handler: Callable[..., None] | signal.Handlers) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)


def _request_stop(*_: object) -> None:
    stop_requested.set()


def _end(*_: object) -> None:
    _on_stop(signal.SIG_IGN)  # a second signal must not change how this process ends
    raise EOFError


def _stop_with_parent(reading: int, writing: int) -> None:
    """Stop this child once its parent has died: nothing else would stop it."""
    os.close(writing)
    os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_until_told_to_stop(app: Flask, pipe: Connection) -> int:
    """Serve; return the exit status, which no longer matters once the parent has died."""
    try:
        _serve(app, pipe)
    except (EOFError, OSError):
        pass  # told to stop while idle, or the parent has closed the pipe or died
    return UNREAD_STATUS


def _serve(app: Flask, pipe: Connection) -> None:
    parent = Parent(pipe)
    app.extensions["parent_process"] = parent
    before = _peak_bytes()
    while True:
        _on_stop(_end)  # idle, it has nothing to hand back
        if stop_requested.is_set():
            return
        if not pipe.poll(IDLE_SECONDS):
            _close_connections(app)
        order = pipe.recv()
        _on_stop(_request_stop)
        with app.app_context():
            error = _execute(order)
        # Also if only this child was sent a signal: it would ignore every further order.
        is_leaving = _peak_bytes() - before > GROWTH_BYTES or stop_requested.is_set()
        parent.send(Done(error, is_leaving=is_leaving))
        if is_leaving:
            return


def _close_connections(app: Flask) -> None:
    """Give the connections back: plans count them, and the next order may come in minutes."""
    with app.app_context():
        db.engine.dispose()
        current_redis().close()


def _execute(order: Execute | Call) -> str | None:
    """Execute an order; return the traceback of its failure, if it failed."""
    try:
        if isinstance(order, Call):
            import_attribute(order.function)(*order.args)
            return None
        run = Run(order.run_id, current_redis())
        run.restore(order.fields)
        if (why := why_refused(run)) is not None:
            logger.error("run %s is refused: %s", run.id, why)
            return f"refused: {why}"
        run.perform()
    except Exception:
        return masked(traceback.format_exc())
    return None


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES
