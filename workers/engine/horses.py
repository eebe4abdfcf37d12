"""The worker's pool of children: forked on demand, replaced when they die, ended when idle."""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from flask import Flask

from app.queues import QUEUE_OF
from app.queues.names import RELEASE
from workers.engine.horse import UNREAD_STATUS, Horse, fork_horse
from workers.engine.listener import Listener
from workers.engine.orders import Call, Claimed, Done, Execute, KeepWake, ToParent
from workers.engine.timer import MAINTENANCE_POOL, TimedCall, Timer

logger = logging.getLogger(__name__)
#: Idle children beyond the first end after this.
IDLE_SECONDS = 30.0
#: After a child that dies this soon, none is forked ahead for a while, so that a crash at its start
#: does not become a busy loop.
EARLY_DEATH_SECONDS = 2.0
EARLY_DEATH_PAUSE_SECONDS = 2.0

#: A pool, the order that ended there, and the traceback if it failed.
Settled: TypeAlias = tuple[str, Execute | Call, str | None]


class Horses:
    """The children, and the selector that the parent sleeps on."""

    def __init__(self, app: Flask, listeners: Collection[Listener]) -> None:
        self._app = app
        self._listeners = listeners
        self._horses: list[Horse] = []
        self._settled: list[Settled] = []
        self._selector = selectors.DefaultSelector()
        #: listener → its file descriptor
        self._watched: dict[Listener, int] = {}
        self._not_before = 0.0
        self._is_stopping = False
        #: a pipe that nobody writes to: it closes when this process dies for any reason
        self._lifeline = os.pipe()
        self._signals = os.pipe()

    def listen_for_signals(self) -> None:
        """Have signals interrupt the sleep, and freeze the memory that children will share."""
        os.set_blocking(self._signals[1], False)
        signal.set_wakeup_fd(self._signals[1], warn_on_full_buffer=False)
        self._selector.register(self._signals[0], selectors.EVENT_READ)
        gc.collect()
        gc.freeze()  # else a collection in a child would write to, and so copy, every page

    def dispatch(self, pool: str, order: Execute | Call) -> None:
        """Dispatch an order to an idle child, or to a new one."""
        while True:
            horse = next((one for one in reversed(self._horses) if one.order is None), None)
            horse = horse or self._fork()
            try:
                horse.dispatch(pool, order)
                return
            except OSError:
                horse.order = None
                self._reap(horse, None)

    def keep_one_idle(self) -> None:
        """Keep one idle child ready, and end others that have been idle for long."""
        idle = [horse for horse in self._horses if horse.order is None]
        if not idle and time.monotonic() >= self._not_before:
            self._fork()
        for horse in idle[1:]:
            if time.monotonic() - horse.idle_since > IDLE_SECONDS:
                self._kill(horse)

    def wait(self, listeners: Iterable[Listener], seconds: float) -> list[Listener]:
        """Sleep until a listener, a child or a signal is ready, or `seconds`; return the listeners
        that are ready."""
        self.watch(listeners)
        ready = []
        for key, _ in self._selector.select(seconds):
            source = key.data
            if isinstance(source, Listener):
                ready.append(source)
            elif source is None:
                os.read(self._signals[0], 4096)
        return ready

    def watch(self, listeners: Iterable[Listener]) -> None:
        """Watch these sockets and no others; call it before a closed one's descriptor is reused."""
        wanted = {listener: listener.fileno() for listener in listeners}
        for listener, descriptor in [*self._watched.items()]:
            if wanted.get(listener) != descriptor:
                self._selector.unregister(descriptor)
                del self._watched[listener]
        for listener, descriptor in wanted.items():
            if listener not in self._watched:
                self._selector.register(descriptor, selectors.EVENT_READ, listener)
                self._watched[listener] = descriptor

    def running_run_ids(self) -> set[str]:
        """Return the ids of the runs that children execute now."""
        orders = [horse.order for horse in self._horses]
        return {order.run_id for order in orders if isinstance(order, Execute)}

    def settled(self, timer: Timer) -> list[Settled]:
        """Read the children's messages, reap the dead, and return the orders that ended."""
        for horse in list(self._horses):
            self._read(horse, timer)
        settled, self._settled = self._settled, []
        return settled

    def tell_to_stop(self) -> None:
        """Tell every child to hand its job back and end; safe in a signal handler."""
        self._is_stopping = True
        for horse in list(self._horses):  # none of these has been reaped, so the ids are theirs
            os.kill(horse.pid, signal.SIGTERM)

    def stop(self, deadline: float, timer: Timer) -> Iterator[Settled]:
        """Tell every child to stop, those forked meanwhile too; kill those left at `deadline`."""
        self.tell_to_stop()
        while self._horses and time.monotonic() < deadline:
            for horse in [one for one in self._horses if one.order is None]:
                self._kill(horse)
            self.wait((), 0.1)
            yield from self.settled(timer)
        for horse in list(self._horses):
            os.kill(horse.pid, signal.SIGKILL)
            self._reap(horse, timer)
        yield from self._settled

    def _read(self, horse: Horse, timer: Timer) -> None:
        try:
            while horse in self._horses and horse.pipe.poll():
                self._handle(horse, horse.pipe.recv(), timer)
        except (EOFError, OSError):
            self._reap(horse, timer)

    def _handle(self, horse: Horse, message: ToParent, timer: Timer) -> None:
        if isinstance(message, Done):
            assert horse.order is not None
            self._settled.append((horse.pool, horse.order, message.traceback))
            horse.mark_idle()
            if message.is_leaving:
                self._kill(horse)
        elif isinstance(message, Claimed):
            horse.claimed = message
        elif isinstance(message, KeepWake):
            timer.add_wake(message.wake)
        else:
            timer.add_once(TimedCall(QUEUE_OF[message.function], Call(message.function)))

    def _reap(self, horse: Horse, timer: Timer | None) -> None:
        """Reap a dead child; the job that it had claimed is released for another."""
        self._remove(horse)
        _, status = os.waitpid(horse.pid, 0)
        if horse.order is None:
            return
        if os.waitstatus_to_exitcode(status) == UNREAD_STATUS:
            if self._is_stopping:
                self._settled.append((horse.pool, horse.order, None))  # the row stays due
            else:
                self.dispatch(horse.pool, horse.order)
            return
        logger.warning("a child died while it executed a run (status %s)", status)
        self._settled.append((horse.pool, horse.order, f"the process ended with status {status}"))
        if timer is not None and (release := _release_of(horse)) is not None:
            timer.add(TimedCall(MAINTENANCE_POOL, release))
        if time.monotonic() - horse.born_at < EARLY_DEATH_SECONDS:
            self._not_before = time.monotonic() + EARLY_DEATH_PAUSE_SECONDS

    def _kill(self, horse: Horse) -> None:
        """Kill an idle child. Not by SIGTERM: a blocked exit would block this process too."""
        self._remove(horse)
        os.kill(horse.pid, signal.SIGKILL)
        os.waitpid(horse.pid, 0)

    def _remove(self, horse: Horse) -> None:
        self._horses.remove(horse)
        self._selector.unregister(horse.pipe)
        horse.pipe.close()

    def _fork(self) -> Horse:
        horse = fork_horse(self._app, self._lifeline, self._close_inherited)
        self._horses.append(horse)
        self._selector.register(horse.pipe, selectors.EVENT_READ, horse)
        return horse

    def _close_inherited(self) -> None:
        """Close the parent's descriptors in a child: a sibling's pipe would else never end."""
        self._selector.close()
        for horse in self._horses:
            horse.pipe.close()
        for listener in self._listeners:
            listener.close_inherited()
        os.close(self._signals[0])
        os.close(self._signals[1])


def _release_of(horse: Horse) -> Call | None:
    """Return the call that releases the job of a dead child, or that the child was to make."""
    if horse.claimed is not None:
        return Call(RELEASE, (horse.claimed.job_id, horse.claimed.run_number))
    order = horse.order
    return order if isinstance(order, Call) and order.function == RELEASE else None
