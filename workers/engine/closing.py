"""What is left to do when a worker stops: at once, and only for as long as there is time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from app.causes import why

logger = logging.getLogger(__name__)


def do_until(actions: Iterable[Callable[[], None]], deadline: float) -> None:
    """Do all of them at the same time, and leave those that are not done by `deadline`.

    Each has a thread of its own: a server that hangs, and is waited for, holds up no other action.
    What is left ends with the process. `deadline` is a time of the monotonic clock. What an action
    raises is logged: nothing may keep a worker from its end.
    """
    threads = [
        threading.Thread(target=_do, args=(one,), name="closing", daemon=True) for one in actions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    if left := sum(thread.is_alive() for thread in threads):
        logger.warning("ended without waiting any longer for Redis or the database (%d)", left)


def _do(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as exc:
        logger.warning("not done while stopping: %s", why(exc))
