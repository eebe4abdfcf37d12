"""Work that goes on after its call was answered, and that ends before the state it works on."""

import threading
from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 5


class Stopped(Exception):
    """Raised within background work when the state that it works on is about to go."""


class Background:
    """The threads of one world. `stop` ends them, so that none outlives a reset or the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[threading.Event], None]) -> None:
        """Run `work` in a thread; it is given the event that tells it to stop."""
        with self._lock:
            stopped = self._stopped
            thread = threading.Thread(target=_run, name=name, args=(work, stopped), daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def stop(self) -> None:
        """Tell the work of this moment to stop, and wait for its end; new work may follow."""
        with self._lock:
            self._stopped.set()
            threads, self._threads = self._threads, []
            self._stopped = threading.Event()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def _run(work: Callable[[threading.Event], None], stopped: threading.Event) -> None:
    try:
        work(stopped)
    except Stopped:
        return


def until(stopped: threading.Event, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the pieces on. Raises Stopped at the first one, or the end, after the event was set."""
    for piece in pieces:
        if stopped.is_set():
            break
        yield piece
    if stopped.is_set():
        raise Stopped
