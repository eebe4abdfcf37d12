"""The service's own processes, started for real, watched and killed by tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from app.config import Config

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
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
    """One process of the service; killed at the end of the block if it is still there.

    `module` is what follows `python -m`, with its arguments.
    """

    def __init__(self, module: str, config: Config, log: Path, **more: str) -> None:
        self._command = [sys.executable, "-m", *module.split()]
        self._environment = environment(config, **more)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Process:
        self.start()
        return self

    def start(self) -> None:
        """Start it, in a process group of its own."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it forked."""
        os.killpg(self.pid, number)

    def kill_alone(self) -> None:
        """End it as a crash does, and leave what it forked to itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        """End it as a deploy does, by SIGTERM to the parent alone; return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End the whole tree as a crash does."""
        assert self._process is not None
        self.signal(signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.kill()


def wait_until(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first true answer of `look`; fail with `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not in {seconds:.0f} s: {what}")
