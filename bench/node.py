"""The BullMQ side: its packages, and its scripts as processes that print lines of JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from redis import Redis

from bench.processes import Tree

FOLDER = Path(__file__).resolve().parent / "bullmq"
INSTALL_SECONDS = 1800
#: Where npm records what it has installed.
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
LOCK = FOLDER / "package-lock.json"
QUEUE_KEY = "bull:publish"
#: The payload of a BullMQ job: the request, as in our row.
DATA = {
    "videoId": "01JD0000000000000000000000",
    "accountId": "01JD0000000000000000000001",
    "userId": "alice",
    "platform": "YOUTUBE",
    "caption": "Measured",
    "hashtags": ["one", "two"],
    "privacyLevel": "public",
}


class Script(Tree):
    """A script that reports when it is ready, runs until stopped, and then reports what it did."""

    def started(self) -> dict[str, Any]:
        """Wait until it is ready; return what it reports."""
        event: dict[str, Any] = json.loads(self.line())
        return event

    def ended(self) -> dict[str, Any]:
        """Stop it; return what it did. Raises `RuntimeError` if one of its jobs failed."""
        events = [json.loads(line) for line in self.stop().splitlines()]
        failed = [event["failed"] for event in events if "failed" in event]
        if failed:
            raise RuntimeError(f"BullMQ's side failed: {failed[0]}")
        result: dict[str, Any] = events[-1]
        return result


class BullMq:
    """Runs the scripts against one Redis."""

    def __init__(self, node: str, redis_url: str, folder: Path) -> None:
        self._node = node
        self._redis_path = redis_url.removeprefix("unix://")
        self._folder = folder
        self.version = json.loads((FOLDER / "node_modules/bullmq/package.json").read_text())[
            "version"
        ]

    def script(self, name: str, **settings: Any) -> Script:
        """Return a script to run in a block."""
        given = json.dumps({"redis": self._redis_path, "data": DATA, **settings})
        command = [self._node, str(FOLDER / f"{name}.js"), given]
        return Script(command, os.environ, self._folder / f"{name}.log")

    def add(self, **settings: Any) -> int:
        """Add jobs; return how many."""
        with self.script("add", **settings) as script:
            return int(script.started()["added"])

    def worker(self, mode: str, *, concurrency: int = 5, **settings: Any) -> Script:
        """Return a worker to run in a block."""
        return self.script("worker", mode=mode, concurrency=concurrency, **settings)


def open_bullmq(redis_url: str, folder: Path) -> BullMq | None:
    """Return the BullMQ side with its packages installed, or None without Node.js."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    if not INSTALLED.exists() or not _versions(LOCK).items() <= _versions(INSTALLED).items():
        # Optional dependencies are codecs that download binaries.
        command = [npm, "ci", "--omit=optional", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_SECONDS)
    return BullMq(node, redis_url, folder)


def _versions(lock: Path) -> dict[str, str]:
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    return {
        path: package["version"]
        for path, package in packages.items()
        if path and not package.get("optional")
    }


def jobs_left(redis: Redis) -> int:
    """Return how many BullMQ jobs are waiting or active."""
    waiting = int(redis.llen(f"{QUEUE_KEY}:wait")) + int(redis.llen(f"{QUEUE_KEY}:active"))
    return waiting + int(redis.zcard(f"{QUEUE_KEY}:prioritized"))


def jobs_delayed(redis: Redis) -> int:
    """Return how many BullMQ jobs are delayed, or due but not yet promoted."""
    return int(redis.zcard(f"{QUEUE_KEY}:delayed"))
