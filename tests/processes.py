"""The service's own processes, started for real, watched and killed by tests.

Each is forked from a process that has the application loaded: loading takes seconds, and hundreds
are started. They share nothing else, and can be killed like any other process.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

from app.config import Config

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["workers.worker", "workers.scheduler", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread"]
)
#: The Procfile's web process.
WEB = "gunicorn.app.wsgiapp:run --config python:app.serving app:create_app()"
#: A mark for tests that fork this process as it is, which has threads: Python 3.12 warns of that.
FORKS_AMID_THREADS = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
#: How much of their logs a test shows when it times out.
LINES_SHOWN = 15
#: How long a test waits for something to happen: the machines are small and busy.
PATIENCE_SECONDS = 120.0


def environment(config: Config, **more: str) -> dict[str, str]:
    """Return the variables that make a process run with these settings."""
    variables = {
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
        "PUBLIC_URL": config.public_url,
        "PORT": str(config.port),
        "VIDEO_DIR": str(config.video_dir),
        "API_KEYS": ",".join(config.api_keys),
        "JWT_SECRET": config.jwt_secret,
        "ADMIN_USERNAME": config.admin_username,
        "ADMIN_PASSWORD": config.admin_password,
        "TOKEN_ENCRYPTION_KEYS": ",".join(config.token_encryption_keys),
        "WEBHOOK_URL": config.webhook_url,
        "WEBHOOK_SECRET": ",".join(config.webhook_secrets),
        "TIKTOK_API_URL": config.tiktok_api_url,
        "TIKTOK_CLIENT_KEY": config.tiktok_client_key,
        "TIKTOK_CLIENT_SECRET": config.tiktok_client_secret,
        "TIKTOK_CONSENT_URL": config.tiktok_consent_url,
        "FACEBOOK_CLIENT_ID": config.facebook_client_id,
        "FACEBOOK_CLIENT_SECRET": config.facebook_client_secret,
        "FACEBOOK_CONSENT_URL": config.facebook_consent_url,
        "INSTAGRAM_CLIENT_ID": config.instagram_client_id,
        "INSTAGRAM_CLIENT_SECRET": config.instagram_client_secret,
        "INSTAGRAM_CONSENT_URL": config.instagram_consent_url,
        "INSTAGRAM_TOKEN_URL": config.instagram_token_url,
        "INSTAGRAM_GRAPH_URL": config.instagram_graph_url,
        "INSTAGRAM_LOGIN_URL": config.instagram_login_url,
        "YOUTUBE_API_URL": config.youtube_api_url,
        "YOUTUBE_CLIENT_ID": config.youtube_client_id,
        "YOUTUBE_CLIENT_SECRET": config.youtube_client_secret,
        "GOOGLE_OAUTH_URL": config.google_oauth_url,
        "GOOGLE_CONSENT_URL": config.google_consent_url,
        "CONNECT_RETURN_URLS": ",".join(config.connect_return_urls),
        "CORS_ORIGINS": ",".join(config.cors_origins),
        "TIKTOK_POLL_SECONDS": str(config.tiktok_poll_seconds),
        "INSTAGRAM_POLL_SECONDS": str(config.instagram_poll_seconds),
        "YOUTUBE_POLL_SECONDS": str(config.youtube_poll_seconds),
        "WORKER_CONCURRENCY": str(config.worker_concurrency),
        **{name: str(maximum) for name, maximum in config.limits.items()},
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
        **more,
    }
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp"), **variables}


class Process:
    """One process of the service; what is left of it after the block is killed.

    `command` is the module with the program's entry point and its arguments.
    """

    def __init__(self, command: str, config: Config, log: Path, **more: str) -> None:
        self._command = command.split()
        self._environment = environment(config, **more)
        self.log = log
        self._process: ForkServerProcess | None = None

    def __enter__(self) -> Process:
        self.start()
        return self

    def start(self) -> None:
        """Start it, in a process group of its own."""
        self.log.touch()
        self._process = _FORKS.Process(
            target=_become, args=(self._command, self._environment, self.log)
        )
        self._process.start()
        _STARTED.add(self)
        wait_until(self._leads_its_group, "the process has a group of its own")

    def _leads_its_group(self) -> bool:
        try:
            return os.getpgid(self.pid) == self.pid
        except ProcessLookupError:
            return True  # it has exited

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, which must be running, and to everything it forked."""
        self.check()
        os.killpg(self.pid, number)

    def check(self) -> None:
        """Fail if it has exited on its own."""
        assert self._process is not None
        assert self._process.is_alive(), f"{self._command[0]} has ended: see {self.log}"

    def kill_alone(self) -> None:
        """Kill it, as in a crash, and leave its children alone."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def terminate(self) -> int:
        """Stop it as a deploy does, by SIGTERM to the parent alone; return its exit status."""
        self.tell_to_stop()
        return self.wait()

    def tell_to_stop(self) -> None:
        """Send SIGTERM to the parent alone, and do not wait."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        return self._ended()

    def children(self) -> list[int]:
        """Return the ids of what the process has forked."""
        return [*map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]

    def kill(self) -> None:
        """Kill the whole tree, as in a crash."""
        self.signal(signal.SIGKILL)
        self._ended()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Including its children, if it exited before them.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ended()

    def _ended(self) -> int:
        assert self._process is not None
        self._process.join(PATIENCE_SECONDS)
        status = self._process.exitcode
        assert status is not None, "the process has not ended"
        _STARTED.discard(self)
        return status

    def report(self) -> str:
        """Return what a test should report about it on a timeout."""
        assert self._process is not None
        now = "is there" if self._process.is_alive() else f"ended with {self._process.exitcode}"
        lines = self.log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
        return "\n".join([f"{self._command[0]} {now}; its last lines:", *lines])


#: Processes that have not been stopped yet.
_STARTED: set[Process] = set()


def _become(command: list[str], variables: dict[str, str], log: Path) -> None:
    """Become what `python -m` with the command would be."""
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(variables)
    with log.open("ab") as lines:
        os.dup2(lines.fileno(), sys.stdout.fileno())
        os.dup2(lines.fileno(), sys.stderr.fileno())
    sys.argv = command
    module, _, entry = command[0].partition(":")
    getattr(importlib.import_module(module), entry or "main")()


def wait_until(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first true result of `look`; fail with `what` on a timeout."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    reports = [process.report() for process in _STARTED]
    raise AssertionError("\n".join([f"not in {seconds:.0f} s: {what}", *reports]))
