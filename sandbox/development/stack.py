"""The whole stack on one machine, on embedded parts: what `make run` and `make demo` start.

Redis from a wheel, SQLite, a folder as the video store, the platform sandbox, and the processes
of the Procfile, started exactly as a host would start them.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.error import URLError

from honcho.environ import parse_procfile

from sandbox.development.keys import development_keys, record_api_url
from sandbox.development.redis_server import RedisServer

ROOT = Path(__file__).resolve().parent.parent.parent
VAR_DIR = ROOT / "var"
START_SECONDS = 60.0
STOP_SECONDS = 28.0
PORT_TRIES = 50
#: Ctrl-C, `kill` and a closed terminal: on each, the parts are stopped in order.
SHUTDOWN_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StackError(Exception):
    """Raised with one sentence when a part does not start or dies."""


@dataclass(frozen=True)
class Ports:
    """Where the API and the sandbox listen."""

    api: int
    sandbox: int


class Stack:
    """Starts every part, and stops them all whatever happens in between.

    `log` receives the output of the processes. All their state is under `var_dir`.
    """

    def __init__(self, log: IO[bytes] | None, var_dir: Path = VAR_DIR) -> None:
        self._log = log
        self._var_dir = var_dir
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._lock_file: IO[str] | None = None
        self._redis = RedisServer(var_dir / "redis", log)
        #: where the default REDIS_URL points
        self._redis_link = var_dir / "redis.sock"
        self.keys = development_keys(var_dir)
        self.ports = Ports(
            api=free_port(int(os.environ.get("PORT", "8000"))), sandbox=free_port(9000)
        )
        self.api_url = f"http://127.0.0.1:{self.ports.api}"
        self.sandbox_url = f"http://127.0.0.1:{self.ports.sandbox}"
        # R2 settings in the shell must not make the demo write to a real bucket.
        inherited = {name: value for name, value in os.environ.items() if name[:3] != "R2_"}
        if "WEBHOOK_URL" in inherited:
            inherited.setdefault("WEBHOOK_SECRET", self.keys.webhook_secret)
        self.environment = {**inherited, **self._settings()}

    def _settings(self) -> dict[str, str]:
        platforms = self.sandbox_url
        return {
            "PORT": str(self.ports.api),
            "DATABASE_URL": f"sqlite:///{self._var_dir / 'publishing.db'}",
            "TOKEN_ENCRYPTION_KEYS": self.keys.encryption_key,
            "VIDEO_DIR": str(self._var_dir / "videos"),
            "REDIS_URL": self._redis.url,
            "PUBLIC_URL": self.api_url,
            "API_KEYS": self.keys.api_key,
            "JWT_SECRET": self.keys.jwt_secret,
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": self.keys.admin_password,
            "TIKTOK_API_URL": f"{platforms}/tiktok",
            "TIKTOK_CLIENT_KEY": "sandbox-client",
            "TIKTOK_CLIENT_SECRET": "sandbox-secret",
            "TIKTOK_CONSENT_URL": f"{platforms}/tiktok",
            "FACEBOOK_CLIENT_ID": "sandbox-client",
            "FACEBOOK_CLIENT_SECRET": "sandbox-secret",
            "FACEBOOK_CONSENT_URL": f"{platforms}/graph",
            "INSTAGRAM_CLIENT_ID": "sandbox-client",
            "INSTAGRAM_CLIENT_SECRET": "sandbox-secret",
            "INSTAGRAM_CONSENT_URL": f"{platforms}/instagram",
            "INSTAGRAM_TOKEN_URL": f"{platforms}/instagram",
            "INSTAGRAM_GRAPH_URL": f"{platforms}/graph",
            "INSTAGRAM_LOGIN_URL": f"{platforms}/instagram",
            "YOUTUBE_API_URL": f"{platforms}/youtube",
            "YOUTUBE_CLIENT_ID": "sandbox-client",
            "YOUTUBE_CLIENT_SECRET": "sandbox-secret",
            "GOOGLE_OAUTH_URL": f"{platforms}/google",
            "GOOGLE_CONSENT_URL": f"{platforms}/google",
            "CONNECT_RETURN_URLS": "http://localhost:3000,http://127.0.0.1:3000",
            "TIKTOK_POLL_SECONDS": "1",
            "INSTAGRAM_POLL_SECONDS": "1",
            "YOUTUBE_POLL_SECONDS": "1",
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def __enter__(self) -> Stack:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._lock()
        record_api_url(self._var_dir, self.api_url)
        commands = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
        try:
            self._redis.start()
        except TimeoutError as exc:
            raise StackError(str(exc)) from exc
        self._redis_link.unlink(missing_ok=True)
        self._redis_link.symlink_to(self._redis.socket)
        self._spawn(
            "sandbox",
            f"exec python -m sandbox --port {self.ports.sandbox}"
            f" --state-dir '{self._var_dir / 'sandbox'}'",
        )
        self._run_once("release", commands.pop("release"))
        for name, command in commands.items():
            self._spawn(name, f"exec {command}")
        self._await("the sandbox", lambda: answers(f"{self.sandbox_url}/_sandbox/posts"))
        self._await("the API", lambda: answers(f"{self.api_url}/readyz"))

    def _lock(self) -> None:
        """Keep a second stack off the same files: it would share Redis and the database."""
        self._var_dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = (self._var_dir / "stack.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StackError(f"another stack is running on {self._var_dir}") from exc

    def _spawn(self, name: str, command: str) -> None:
        process = subprocess.Popen(
            command,
            shell=True,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C signals the whole terminal; the parts must be stopped in order instead.
            start_new_session=True,
        )
        self._processes.append((name, process))

    def _run_once(self, name: str, command: str) -> None:
        self._spawn(name, f"exec {command}")
        _, process = self._processes.pop()
        if process.wait() != 0:
            raise StackError(f"{name} exited with status {process.returncode}")

    def _await(self, what: str, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_there():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.1)

    def check(self) -> None:
        """Raise `StackError` when a part has exited on its own."""
        if not self._redis.is_running():
            raise StackError("Redis exited unexpectedly")
        for name, process in self._processes:
            if process.poll() is not None:
                raise StackError(f"{name} exited with status {process.returncode}")

    def stop(self) -> None:
        """Stop the parts: all together by SIGTERM, stragglers by SIGKILL, and Redis last."""
        for _, process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for _, process in self._processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._redis.stop()
        if self._lock_file is not None:
            if self._redis_link.is_symlink() and not self._redis_link.exists():
                self._redis_link.unlink()
            self._lock_file.close()


def free_port(wanted: int) -> int:
    """Return `wanted`, or the next free port; raises `StackError` when there is none."""
    for port in range(wanted, wanted + PORT_TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise StackError(f"no free port from {wanted} to {wanted + PORT_TRIES - 1}")


def answers(url: str) -> bool:
    """Tell whether a URL answers with 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (URLError, OSError):
        return False
