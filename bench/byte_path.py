"""The byte path: large videos from a store to a platform, against `curl | curl` of the same bytes.

Store and platform are those of `bench.loopback`, which cost next to nothing; the service runs in
full: database, Redis, scheduler and one worker tree.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bench import Bench
from bench.figures import OURS, Figure, Goal
from bench.loopback import sink, store
from bench.posts import make_accounts, make_video, published_seconds, write_padded
from bench.processes import PeakMemory, Tree
from sandbox.development.sample_videos import make_sample_video

CURL = "curl to curl"
MB, MIB = 10**6, 2**20
PACE = 50 * MB
#: The response time of a remote platform.
FAR_SECONDS = 0.1
STORES = {"folder": "a folder", "s3": "S3"}


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield time and memory of large videos, compared with `curl | curl`."""
    folder = bench.folder / "byte_path"
    videos = folder / "bucket"
    video = make_sample_video(videos / "small.mp4", seconds=4, hue=0)
    write_padded(video, videos / "large.mp4", bench.size.large_bytes)
    write_padded(video, videos / "paced.mp4", bench.size.paced_bytes)
    for kind in STORES:
        yield from _at_full_speed(bench, kind, folder)
    yield from _paced(bench, folder)
    yield from _far_away(bench, folder)


def _at_full_speed(bench: Bench, kind: str, folder: Path) -> Iterator[Figure]:
    with (
        sink() as platform,
        store(folder) as bucket,
        _service(bench, folder, kind, bucket, platform) as service,
    ):
        ours, curls, grown = [], [], []
        small, large = make_video("small.mp4"), make_video("large.mp4")
        service.publish(small)  # warm-up
        for _ in range(bench.size.runs):
            base = service.publish(small)
            with PeakMemory(service.worker) as memory:
                ours.append(service.publish(large) - base)
            grown.append(memory.grown_bytes / MB)
            curls.append(_curl_seconds(folder, kind, bucket, platform, "large.mp4"))
    name = f"{_size(bench.size.large_bytes)} from {STORES[kind]}, beyond a small video"
    values = {OURS: ours, CURL: curls}
    yield Figure(f"{name}: until live", "s", values, (Goal(1.1, CURL),))
    yield Figure(f"{name}: memory of the worker tree", "MB", {OURS: grown}, (Goal(64 * MIB / MB),))


def _paced(bench: Bench, folder: Path) -> Iterator[Figure]:
    """Check that reading and sending overlap: at 50 MB/s each, they must take the time of one."""
    with (
        sink(bytes_per_second=PACE) as platform,
        store(folder, bytes_per_second=PACE) as bucket,
        _service(bench, folder, "s3", bucket, platform) as service,
    ):
        small, paced = make_video("small.mp4"), make_video("paced.mp4")
        service.publish(small)
        runs = range(bench.size.runs)
        ours = [-service.publish(small) + service.publish(paced) for _ in runs]
        curls = [_curl_seconds(folder, "s3", bucket, platform, "paced.mp4") for _ in runs]
    name = f"{_size(bench.size.paced_bytes)}, each side 50 MB/s, beyond a small video"
    yield Figure(f"{name}: until live", "s", {OURS: ours, CURL: curls}, (Goal(1.1, CURL),))


def _far_away(bench: Bench, folder: Path) -> Iterator[Figure]:
    """Yield the cost of the round trips between a platform's chunks."""
    with (
        sink(response_seconds=FAR_SECONDS) as platform,
        store(folder) as bucket,
        _service(bench, folder, "s3", bucket, platform) as service,
    ):
        small, large = make_video("small.mp4"), make_video("large.mp4")
        service.publish(small)
        ours = [-service.publish(small) + service.publish(large) for _ in range(bench.size.runs)]
    name = f"{_size(bench.size.large_bytes)}, each response after 100 ms, beyond a small video"
    yield Figure(f"{name}: until live", "s", {OURS: ours})


def _size(count: int) -> str:
    return f"{count // MB:,} MB"


class Service:
    """A running service, and the account it publishes to."""

    def __init__(self, worker: Tree, account_id: str) -> None:
        self._account_id = account_id
        self.worker = worker

    def publish(self, video_id: str) -> float:
        """Publish, and return the seconds until the post is live."""
        return published_seconds(self._account_id, video_id)


@contextmanager
def _service(
    bench: Bench, folder: Path, kind: str, bucket: str, platform: str
) -> Iterator[Service]:
    settings = {
        "WORKER_CONCURRENCY": "1",
        "VIDEO_DIR": str(folder / "bucket"),
        "YOUTUBE_API_URL": platform,
        "YOUTUBE_CLIENT_ID": "bench",
        "YOUTUBE_CLIENT_SECRET": "bench",
        "YOUTUBE_POLL_SECONDS": "0.1",
        "LIMIT_YOUTUBE_UPLOADS_PER_DAY": "10000",
    }
    if kind == "s3":
        settings |= {"R2_ENDPOINT_URL": bucket, "R2_BUCKET": "bucket"}
        settings |= {"R2_ACCESS_KEY_ID": "bench", "R2_SECRET_ACCESS_KEY": "bench"}
    with bench.stage(**settings) as stage, stage.leading_scheduler(), stage.worker() as worker:
        yield Service(worker, make_accounts(None, 1)[0])


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
