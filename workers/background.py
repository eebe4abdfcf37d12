"""Something done again and again from a thread of its own, while a block runs."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from types import TracebackType


class Repeated:
    """Calls `beat` every `seconds` while the block runs, until it returns False.

    `beat` handles its own errors: nobody would see what it raises.
    """

    def __init__(self, name: str, seconds: float, beat: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._beat = beat
        self._done = threading.Event()
        # What it logs is about the same work.
        work = contextvars.copy_context()
        self._thread = threading.Thread(target=work.run, args=(self._run,), name=name, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._seconds):
            if not self._beat():
                return
