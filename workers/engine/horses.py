"""All children of the worker: forked when they are needed, replaced when they die, ended when
they have nothing to do."""

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
from workers.engine.horse import Horse, fork_horse
from workers.engine.listener import Listener
from workers.engine.orders import Call, Done, Execute, Holding, Keep, ToParent
from workers.engine.waits import MAINTENANCE_LANE, Wait, Waits

logger = logging.getLogger(__name__)
#: A child beyond the first that has been idle for this long ends.
IDLE_SECONDS = 30.0
#: A child that dies this soon is followed by another only after a pause, so that a fault at its
#: start does not become a loop that eats the machine.
EARLY_DEATH_SECONDS = 2.0
PAUSE_SECONDS = 2.0

#: A lane, the order that has ended there, and why it failed, if it did.
Settled: TypeAlias = tuple[str, Execute | Call, str | None]


class Horses:
    """The children, and the one place where the parent sleeps."""

    def __init__(self, app: Flask, listeners: Collection[Listener]) -> None:
        self._app = app
        self._listeners = listeners
        self._horses: list[Horse] = []
        self._settled: list[Settled] = []
        self._selector = selectors.DefaultSelector()
        #: listener → the number of its socket
        self._watched: dict[Listener, int] = {}
        self._not_before = 0.0
        #: A pipe that nobody writes to: it ends when this process does, however it does.
        self._lifeline = os.pipe()
        self._signals = os.pipe()

    def listen_for_signals(self) -> None:
        """Let a signal end the sleep; what is loaded by now stays shared with the children."""
        os.set_blocking(self._signals[1], False)
        signal.set_wakeup_fd(self._signals[1], warn_on_full_buffer=False)
        self._selector.register(self._signals[0], selectors.EVENT_READ)
        gc.collect()
        gc.freeze()  # a collection in a child would write to every page of it

    def give(self, lane: str, order: Execute | Call) -> None:
        """Set an idle child to work, or a new one."""
        while True:
            horse = next((one for one in reversed(self._horses) if one.order is None), None)
            horse = horse or self._fork()
            try:
                horse.give(lane, order)
                return
            except OSError:
                horse.order = None
                self._bury(horse, None)

    def keep_one_idle(self) -> None:
        """Have one child ready, and no more than one that has been idle for long."""
        idle = [horse for horse in self._horses if horse.order is None]
        if not idle and time.monotonic() >= self._not_before:
            self._fork()
        for horse in idle[1:]:
            if time.monotonic() - horse.idle_since > IDLE_SECONDS:
                self._let_go(horse)

    def wait(self, listeners: Iterable[Listener], seconds: float) -> list[Listener]:
        """Sleep until a listener or a child has something to say, or so many seconds; hear the
        children, and return the listeners."""
        self.watch(listeners)
        heard = []
        for key, _ in self._selector.select(seconds):
            source = key.data
            if isinstance(source, Listener):
                heard.append(source)
            elif source is None:
                os.read(self._signals[0], 4096)
        return heard

    def watch(self, listeners: Iterable[Listener]) -> None:
        """Watch these sockets and no others; call it before the number of one is used again."""
        wanted = {listener: listener.fileno() for listener in listeners}
        for listener, number in [*self._watched.items()]:
            if wanted.get(listener) != number:
                self._selector.unregister(number)
                del self._watched[listener]
        for listener, number in wanted.items():
            if listener not in self._watched:
                self._selector.register(number, selectors.EVENT_READ, listener)
                self._watched[listener] = number

    def at_work(self) -> set[str]:
        """Return the ids of the runs that children are at work on."""
        orders = [horse.order for horse in self._horses]
        return {order.run_id for order in orders if isinstance(order, Execute)}

    def settled(self, waits: Waits) -> list[Settled]:
        """Hear what the children say, put away the dead, and return the orders that ended."""
        for horse in list(self._horses):
            self._hear(horse, waits)
        settled, self._settled = self._settled, []
        return settled

    def stop(self, seconds: float, waits: Waits) -> Iterator[Settled]:
        """Tell every child to hand its job back and end; by force after so many seconds."""
        for horse in self._horses:
            os.kill(horse.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self._horses and time.monotonic() < deadline:
            for horse in [one for one in self._horses if one.order is None]:
                self._let_go(horse)
            self.wait((), 0.1)
            yield from self.settled(waits)
        for horse in list(self._horses):
            os.kill(horse.pid, signal.SIGKILL)
            self._bury(horse, waits)
        yield from self._settled

    def _hear(self, horse: Horse, waits: Waits) -> None:
        try:
            while horse in self._horses and horse.pipe.poll():
                self._take_in(horse, horse.pipe.recv(), waits)
        except (EOFError, OSError):
            self._bury(horse, waits)

    def _take_in(self, horse: Horse, message: ToParent, waits: Waits) -> None:
        if isinstance(message, Done):
            assert horse.order is not None
            self._settled.append((horse.lane, horse.order, message.traceback))
            horse.rest()
            if message.is_leaving:
                self._let_go(horse)
        elif isinstance(message, Holding):
            horse.holding = message
        elif isinstance(message, Keep):
            waits.add_wake(message.wake)
        else:
            waits.add_once(Wait(QUEUE_OF[message.function], Call(message.function)))

    def _bury(self, horse: Horse, waits: Waits | None) -> None:
        """Put away a child that is gone; what it was at work on goes on without it."""
        self._forget(horse)
        _, status = os.waitpid(horse.pid, 0)
        if horse.order is None:
            return
        logger.warning("a child ended amid its work (status %s)", status)
        self._settled.append((horse.lane, horse.order, f"the process ended with status {status}"))
        if horse.holding is not None and waits is not None:
            call = Call(RELEASE, (horse.holding.job_id, horse.holding.run_number))
            waits.add(Wait(MAINTENANCE_LANE, call))
        if time.monotonic() - horse.born_at < EARLY_DEATH_SECONDS:
            self._not_before = time.monotonic() + PAUSE_SECONDS

    def _let_go(self, horse: Horse) -> None:
        """End a child that has nothing to do. By force: whatever keeps it would keep us, too."""
        self._forget(horse)
        os.kill(horse.pid, signal.SIGKILL)
        os.waitpid(horse.pid, 0)

    def _forget(self, horse: Horse) -> None:
        self._horses.remove(horse)
        self._selector.unregister(horse.pipe)
        horse.pipe.close()

    def _fork(self) -> Horse:
        horse = fork_horse(self._app, self._lifeline, self._close_in_child)
        self._horses.append(horse)
        self._selector.register(horse.pipe, selectors.EVENT_READ, horse)
        return horse

    def _close_in_child(self) -> None:
        """Close what is the parent's: a pipe held open by a sister would never end."""
        self._selector.close()
        for horse in self._horses:
            horse.pipe.close()
        for listener in self._listeners:
            listener.forget()
        os.close(self._signals[0])
        os.close(self._signals[1])
