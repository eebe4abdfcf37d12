"""The service's processes under measurement, and what they take."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 0.02


@contextmanager
def process(module: str) -> Iterator[int]:
    """Run a module of ours with this process's environment; gives its pid."""
    with subprocess.Popen([sys.executable, "-m", module], env=os.environ) as running:
        try:
            yield running.pid
        finally:
            running.terminate()


def private_bytes(pid: int) -> int:
    """Return the private memory of a process and its children (Linux only)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_private_bytes_of(one) for one in (pid, *map(int, children)))


def _private_bytes_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
    return sum(kilobytes) * 1024


class PeakMemory:
    """Watches a process tree during a block; `grown_bytes` is its peak beyond the beginning."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._before = self._peak = private_bytes(pid)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def grown_bytes(self) -> int:
        """Return how far the memory rose."""
        return self._peak - self._before

    def _watch(self) -> None:
        while not self._done.is_set():
            self._peak = max(self._peak, private_bytes(self._pid))
            time.sleep(LOOK_SECONDS)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
