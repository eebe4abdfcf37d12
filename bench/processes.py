"""Processes under measurement, with all their children: their resources, and their shutdown."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import psutil

AnyTree = TypeVar("AnyTree", bound="Tree")
ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.05
STOP_SECONDS = 30.0


class Tree:
    """A process and its children, from the start of the block to its end."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self: AnyTree) -> AnyTree:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The root process of the tree."""
        assert self._process is not None
        return self._process

    def line(self) -> str:
        """Return the next line that it prints; raises `RuntimeError` if it has exited."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._command[:3]} ended: {self._log.read_text()[-2000:]}")
        return line

    def stop(self) -> str:
        """Stop it by SIGTERM, stragglers by SIGKILL; return its remaining output."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            printed, _ = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            printed, _ = self.process.communicate()
        return printed or ""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Suspend the whole tree during a block."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the tree has used, including exited children."""
        return sum(_cpu_seconds(one) for one in self._members())

    def memory_bytes(self) -> int:
        """Return the tree's memory as proportional set size (PSS): shared pages count once."""
        return sum(_memory_bytes(one) for one in self._members())

    def _members(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(memory, "pss", memory.uss))


class PeakMemory:
    """Watches a tree during a block; `peak_bytes` is its peak memory."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._done = threading.Event()
        self.peak_bytes = self._first_bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def grown_bytes(self) -> int:
        """Return by how much the memory grew."""
        return self.peak_bytes - self._first_bytes

    def _watch(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self.look()

    def look(self) -> None:
        """Take a sample now."""
        self.peak_bytes = max(self.peak_bytes, self._tree.memory_bytes())

    def __enter__(self) -> PeakMemory:
        self.look()
        self._first_bytes = self.peak_bytes
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def wait_until(
    is_so: Callable[[], object], what: str, seconds: float = 60.0, *, pause: float = 0.005
) -> None:
    """Poll until `is_so()`; raises `TimeoutError` naming `what`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)
