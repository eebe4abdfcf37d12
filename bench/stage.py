"""The service under measurement: its settings, a migrated database, its processes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis

from app import create_base
from app.clock import utcnow
from app.extensions import db
from app.platforms import PLATFORMS
from app.queries.processes import leading_scheduler
from app.settings import config_from_env
from bench.processes import Tree, wait_until
from sandbox.development.stack import answers, free_port

API_KEY = "bench-key"
POLL_SECONDS = "0.2"
#: The platforms' quotas are not under test; concurrency limits are.
NO_LIMITS = {
    limit.setting: str(10**9)
    for platform in PLATFORMS.values()
    for limit in platform.limits
    if limit.window != "at_once"
}
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Stage:
    """One database and the shared Redis; `environment` is that of every process."""

    folder: Path
    environment: dict[str, str]
    app: Flask
    redis: Redis

    def process(self, module: str, **variables: str) -> Tree:
        """Return one of our processes, as a context manager."""
        command = [str(BIN / "python"), "-m", module]
        return Tree(command, {**self.environment, **variables}, self.folder / f"{module}.log")

    def worker(self, **variables: str) -> Tree:
        """Return a worker's process tree."""
        return self.process("workers.worker", **variables)

    @contextmanager
    def leading_scheduler(self) -> Iterator[Tree]:
        """Run a scheduler; the block starts when it leads."""
        with self.process("workers.scheduler") as scheduler:
            wait_until(lambda: leading_scheduler(utcnow()), "a scheduler leads")
            yield scheduler

    @contextmanager
    def web(self, processes: int) -> Iterator[tuple[Tree, str]]:
        """Run the API as the Procfile does; yields its tree and URL."""
        port = free_port(18000)
        url = f"http://127.0.0.1:{port}"
        config = ("--config", "python:app.serving", "--bind", f"127.0.0.1:{port}")
        command = [str(BIN / "gunicorn"), *config, "app:create_app()"]
        variables = {"PORT": str(port), "WEB_CONCURRENCY": str(processes), "PUBLIC_URL": url}
        with Tree(command, {**self.environment, **variables}, self.folder / "web.log") as tree:
            wait_until(lambda: answers(f"{url}/healthz"), "the API answers")
            yield tree, url


@contextmanager
def open_stage(
    redis_url: str, database_url: str, platforms_url: str = "", **variables: str
) -> Iterator[Stage]:
    """Set a stage with an empty Redis and a new database, inside an application context."""
    with ExitStack() as parts:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "VIDEO_DIR": str(folder / "videos"),
            "API_KEYS": API_KEY,
            "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "LOG_LEVEL": "WARNING",
            **NO_LIMITS,
            **_platforms(platforms_url),
            **variables,
        }
        app = create_base(config_from_env(environment))
        redis = parts.enter_context(Redis.from_url(redis_url))
        redis.flushall()
        parts.enter_context(app.app_context())
        parts.callback(app.extensions["redis"].close)
        parts.callback(db.engine.dispose)
        parts.callback(db.session.remove)
        yield Stage(folder, environment, app, redis)


def _platforms(url: str) -> dict[str, str]:
    if not url:
        return {}
    return {
        "TIKTOK_API_URL": f"{url}/tiktok",
        "TIKTOK_CLIENT_KEY": "sandbox-client",
        "TIKTOK_CLIENT_SECRET": "sandbox-secret",
        "INSTAGRAM_GRAPH_URL": f"{url}/graph",
        "INSTAGRAM_LOGIN_URL": f"{url}/instagram",
        "YOUTUBE_API_URL": f"{url}/youtube",
        "YOUTUBE_CLIENT_ID": "sandbox-client",
        "YOUTUBE_CLIENT_SECRET": "sandbox-secret",
        "GOOGLE_OAUTH_URL": f"{url}/google",
        "TIKTOK_POLL_SECONDS": POLL_SECONDS,
        "INSTAGRAM_POLL_SECONDS": POLL_SECONDS,
        "YOUTUBE_POLL_SECONDS": POLL_SECONDS,
    }
