"""A thread that calls a function periodically while a block runs."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

AnyThread = TypeVar("AnyThread", bound="PeriodicThread")


class PeriodicThread:
    """Calls `function` every `seconds` while the block runs, until it returns False.

    `function` handles its own errors: nothing would report what it raises.
    """

    def __init__(self, name: str, seconds: float, function: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._function = function
        self._done = threading.Event()
        # The copied context gives the thread's log lines the same job and user.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name=name, daemon=True
        )

    def __enter__(self: AnyThread) -> AnyThread:
        self._thread.start()
        return self

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
            if not self._function():
                return
