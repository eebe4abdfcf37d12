"""`POST /api/publish`, compared with a bare route that only calls BullMQ's `queue.add`.

And `POST /api/publish/batch`, for a back end that submits many posts at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.bench import Bench
from bench.figures import BULLMQ, OURS, Figure, Goal, percentile
from bench.node import DATA, BullMq
from bench.posts import PLATFORM, make_accounts, probed_video
from bench.stage import API_KEY

CONNECTIONS = 32
#: Of a back end that submits batches of the maximum size.
BATCH_CONNECTIONS, BATCH = 4, 100
WARM_SECONDS = 1.0
#: For the load generator to start and to report.
GRACE_SECONDS = 120.0


@dataclass(frozen=True)
class Answered:
    """A route's throughput and latency under load."""

    per_second: float
    p50_ms: float
    p99_ms: float


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield one web process's requests per second, and their latency."""
    runs: dict[str, list[Answered]] = {OURS: [], BULLMQ: []}
    batches: list[float] = []
    for _ in range(bench.size.runs):
        runs[OURS].append(_ours(bench))
        batches.append(_batches(bench).per_second * BATCH)
        if bench.bullmq is not None:
            runs[BULLMQ].append(_theirs(bench, bench.bullmq))

    def of(part: str) -> dict[str, list[float]]:
        return {side: [getattr(one, part) for one in results] for side, results in runs.items()}

    name = f"POST /api/publish, {CONNECTIONS} connections, one web process"
    goals = (Goal(300, at_least=True),)
    yield Figure(f"{name}: requests", "/s", of("per_second"), goals, more_is_better=True)
    yield Figure(f"{name}: p50", "ms", of("p50_ms"))
    yield Figure(f"{name}: p99", "ms", of("p99_ms"))
    yield Figure(
        f"POST /api/publish/batch, {BATCH_CONNECTIONS} connections, one web process: posts",
        "/s",
        {OURS: batches},
        more_is_better=True,
    )


def _ours(bench: Bench) -> Answered:
    with bench.stage() as stage, stage.web(1) as (_, url):
        users = [f"user-{number}" for number in range(CONNECTIONS)]
        requests = [_request(user, _post(user)) for user in users]
        return _under_load(bench, f"{url}/api/publish", requests)


def _batches(bench: Bench) -> Answered:
    with bench.stage() as stage, stage.web(1) as (_, url):
        users = [f"user-{number}" for number in range(BATCH_CONNECTIONS)]
        requests = [_request(user, {"posts": [_post(user)] * BATCH}) for user in users]
        return _under_load(bench, f"{url}/api/publish/batch", requests)


def _request(user: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {API_KEY}", "X-User-Id": user}
    return {"body": body, "headers": headers}


def _post(user: str) -> dict[str, Any]:
    """Return a post of a user, creating an account and a video for it."""
    make_accounts(None, 1, user_id=user, platform_user_id=user)
    return {
        "videoId": probed_video(user),
        "platform": PLATFORM,
        "caption": DATA["caption"],
        "hashtags": DATA["hashtags"],
        "privacyLevel": DATA["privacyLevel"],
    }


def _theirs(bench: Bench, bullmq: BullMq) -> Answered:
    bench.redis.flushall()
    with bullmq.script("serve") as server:
        port = server.started()["port"]
        requests = [{"body": DATA, "headers": {}}] * CONNECTIONS
        return _under_load(bench, f"http://127.0.0.1:{port}/publish", requests)


def _under_load(bench: Bench, url: str, requests: list[dict[str, Any]]) -> Answered:
    for request in requests:
        request["headers"] = {"Content-Type": "application/json", **request["headers"]}
    asked = {"requests": requests, "status": 202}
    _load(url, asked, min(WARM_SECONDS, bench.size.api_seconds))
    results = _load(url, asked, bench.size.api_seconds)
    took_ms: list[float] = results["tookMs"]
    return Answered(
        len(took_ms) / results["seconds"], percentile(took_ms, 0.5), percentile(took_ms, 0.99)
    )


def _load(url: str, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.load", url, str(seconds)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=seconds + GRACE_SECONDS,
        env=os.environ,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"the load ended: {ended.stderr[-2000:]}")
    results: dict[str, Any] = json.loads(ended.stdout)
    return results
