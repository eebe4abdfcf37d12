"""`make bench`: prints a table of medians, measured now, on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import flask_migrate
from cryptography.fernet import Fernet
from redis import Redis

from app import create_base
from app.queries.health import is_leader_alive
from app.settings import process_config
from bench.listeners import measure_listeners
from bench.million import measure_million
from bench.processes import process
from bench.release import measure_release
from bench.uploads import measure_uploads
from sandbox.redis_server import RedisServer
from sandbox.server import SandboxServer

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Measure on embedded parts and print; nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder, SandboxServer() as sandbox:
        redis_server = RedisServer()
        redis_server.start()
        try:
            _measure(Path(folder), redis_server.url, sandbox.url)
        finally:
            redis_server.stop()
    return 0


def _measure(folder: Path, redis_url: str, sandbox_url: str) -> None:
    video_dir = folder / "videos"
    os.environ.update(
        DATABASE_URL=f"sqlite:///{folder / 'bench.db'}",
        TOKEN_ENCRYPTION_KEYS=Fernet.generate_key().decode(),
        REDIS_URL=redis_url,
        VIDEO_DIR=str(video_dir),
        LOG_LEVEL="WARNING",
        WORKER_CONCURRENCY="1",
        YOUTUBE_API_URL=f"{sandbox_url}/youtube",
        GOOGLE_OAUTH_URL=f"{sandbox_url}/google",
        YOUTUBE_CLIENT_ID="sandbox-client",
        YOUTUBE_CLIENT_SECRET="sandbox-secret",
        YOUTUBE_POLL_SECONDS="0.2",
    )
    app = create_base(process_config())
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
    redis = Redis.from_url(redis_url)
    with process("workers.scheduler"):
        with app.app_context():
            while not is_leader_alive():
                time.sleep(0.05)
        figures = [*measure_release(app, redis), *measure_uploads(app, sandbox_url, video_dir)]
    figures += [*measure_listeners(process_config()), *measure_million(process_config())]
    print("| figure | median | range |\n|---|---|---|")
    for figure in figures:
        print(figure.line())


if __name__ == "__main__":
    sys.exit(main())
