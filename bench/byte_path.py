"""The byte path: large videos from a store to a platform, beside `curl | curl` of the same bytes.

Store and platform are those of `bench.loopback`, which cost next to nothing; the service itself
runs whole: its database, its Redis, its scheduler and one tree of workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
from cryptography.fernet import Fernet
from flask import Flask

from app import create_base
from app.settings import process_config
from bench.figures import Figure
from bench.loopback import sink, store
from bench.posts import connected, published_seconds, registered
from bench.processes import PeakMemory, process
from sandbox.films import make_film
from sandbox.redis_server import RedisServer

ROOT = Path(__file__).resolve().parent.parent
MB = 10**6
LARGE_BYTES = 1000 * MB
PACED_BYTES = 300 * MB
PACE = 50 * MB
#: What an answer of a platform far away takes.
FAR_SECONDS = 0.1
RUNS = 3
STORES = {"folder": "a folder", "s3": "S3"}


def measure_byte_path() -> Iterator[Figure]:
    """Give the time and the memory of large videos, each beside that of `curl | curl`."""
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder) / "bucket"
        film = make_film(videos / "small.mp4", seconds=4, hue=0)
        padded(film, videos / "large.mp4", LARGE_BYTES)
        padded(film, videos / "paced.mp4", PACED_BYTES)
        for kind in STORES:
            yield from _at_full_speed(kind, Path(folder))
        yield from _paced(Path(folder))
        yield from _far_away(Path(folder))


def _at_full_speed(kind: str, folder: Path) -> Iterator[Figure]:
    with (
        sink() as platform,
        store(folder) as bucket,
        _service(folder, kind, bucket, platform) as tree,
    ):
        ours, curls, grown = [], [], []
        small, large = registered("small.mp4"), registered("large.mp4")
        tree.publish(small)  # so that everything is loaded
        for _ in range(RUNS):
            base = tree.publish(small)
            with PeakMemory(tree.pid) as memory:
                ours.append(tree.publish(large) - base)
            grown.append(memory.grown_bytes / MB)
            curls.append(_curl_seconds(folder, kind, bucket, platform, "large.mp4"))
    name = f"1 GB from {STORES[kind]}"
    yield Figure(f"{name}: until live, beyond a small video", "s", tuple(ours))
    yield Figure(f"{name}: curl \\| curl", "s", tuple(curls))
    yield Figure(f"{name}: × curl \\| curl", "×", _ratios(ours, curls))
    yield Figure(f"{name}: memory of the worker tree, beyond a small video", "MB", tuple(grown))


def _paced(folder: Path) -> Iterator[Figure]:
    """Where each side gives 50 MB/s, the whole must take as long as one side, not as both."""
    with (
        sink(bytes_per_second=PACE) as platform,
        store(folder, bytes_per_second=PACE) as bucket,
        _service(folder, "s3", bucket, platform) as tree,
    ):
        small, paced = registered("small.mp4"), registered("paced.mp4")
        tree.publish(small)
        ours = [-tree.publish(small) + tree.publish(paced) for _ in range(RUNS)]
        curls = [_curl_seconds(folder, "s3", bucket, platform, "paced.mp4") for _ in range(RUNS)]
    side = PACED_BYTES / PACE
    yield Figure("300 MB, each side 50 MB/s: until live, beyond a small video", "s", tuple(ours))
    yield Figure("300 MB, each side 50 MB/s: curl \\| curl", "s", tuple(curls))
    yield Figure("300 MB, each side 50 MB/s: × one side's time", "×", _ratios(ours, [side] * RUNS))


def _far_away(folder: Path) -> Iterator[Figure]:
    """What the round trips between a platform's chunks cost."""
    with (
        sink(answer_seconds=FAR_SECONDS) as platform,
        store(folder) as bucket,
        _service(folder, "s3", bucket, platform) as tree,
    ):
        small, large = registered("small.mp4"), registered("large.mp4")
        tree.publish(small)
        ours = [-tree.publish(small) + tree.publish(large) for _ in range(RUNS)]
    yield Figure(
        "1 GB, each answer after 100 ms: until live, beyond a small video", "s", tuple(ours)
    )


class Tree:
    """A running service, and the account that its posts go to."""

    def __init__(self, app: Flask, pid: int, account_id: str) -> None:
        self._app = app
        self._account_id = account_id
        self.pid = pid

    def publish(self, video_id: str) -> float:
        """Publish and return the seconds until it is live."""
        return published_seconds(self._app, self._account_id, video_id)


@contextmanager
def _service(folder: Path, kind: str, bucket: str, platform: str) -> Iterator[Tree]:
    redis = RedisServer()
    redis.start()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as state:
        os.environ.update(
            _settings(folder, Path(state), kind, bucket, platform), REDIS_URL=redis.url
        )
        try:
            app = create_base(process_config())
            with app.app_context():
                flask_migrate.upgrade(str(ROOT / "migrations"))
                with process("workers.scheduler"), process("workers.worker") as pid:
                    yield Tree(app, pid, connected())
        finally:
            os.environ.clear()
            os.environ.update(before)
            redis.stop()


def _settings(folder: Path, state: Path, kind: str, bucket: str, platform: str) -> dict[str, str]:
    settings = {
        "DATABASE_URL": f"sqlite:///{state / 'bench.db'}",
        "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "VIDEO_DIR": str(folder / "bucket"),
        "LOG_LEVEL": "WARNING",
        "WORKER_CONCURRENCY": "1",
        "YOUTUBE_API_URL": platform,
        "YOUTUBE_CLIENT_ID": "bench",
        "YOUTUBE_CLIENT_SECRET": "bench",
        "YOUTUBE_POLL_SECONDS": "0.1",
        "LIMIT_YOUTUBE_UPLOADS_PER_DAY": "10000",
    }
    if kind == "s3":
        settings |= {"R2_ENDPOINT_URL": bucket, "R2_BUCKET": "bucket"}
        settings |= {"R2_ACCESS_KEY_ID": "bench", "R2_SECRET_ACCESS_KEY": "bench"}
    return settings


def _curl_seconds(folder: Path, kind: str, bucket: str, platform: str, name: str) -> float:
    path = folder / "bucket" / name
    url = f"file://{path}" if kind == "folder" else f"{bucket}/bucket/{name}"
    length = f"Content-Length: {path.stat().st_size}"
    began = time.monotonic()
    with subprocess.Popen(["curl", "-sf", url], stdout=subprocess.PIPE) as reading:
        put = ["curl", "-sf", "-T", "-", "-H", "Expect:", "-H", "Transfer-Encoding:", "-H", length]
        subprocess.run(
            [*put, f"{platform}/put"], stdin=reading.stdout, stdout=subprocess.DEVNULL, check=True
        )
    return time.monotonic() - began


def _ratios(ours: list[float], others: list[float]) -> tuple[float, ...]:
    return tuple(our / other for our, other in zip(ours, others, strict=True))


def padded(film: Path, target: Path, size_bytes: int) -> None:
    """Write the film with a box behind it that players skip, so that it has this size."""
    content = film.read_bytes()
    padding = size_bytes - len(content)
    with target.open("wb") as file:
        # ISO/IEC 14496-12: a `free` box; a size of 1 says that 64 bits of size follow.
        file.write(content + (1).to_bytes(4, "big") + b"free" + padding.to_bytes(8, "big"))
        file.truncate(size_bytes)


def main() -> int:
    """Measure and print the byte path alone."""
    print("| figure | median | range |\n|---|---|---|")
    for figure in measure_byte_path():
        print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
