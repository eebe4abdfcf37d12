"""A bounded load on one route: `python -m bench.load URL SECONDS`, its requests on stdin.

Each request is sent repeatedly on a connection of its own.

Runs as a separate process, so that it shares only CPU time with what it measures. Prints the
number of responses and how long each took, as JSON. For servers on loopback only.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from gevent.pool import Pool
from geventhttpclient import HTTPClient
from geventhttpclient.url import URL

LOOPBACK = ("127.0.0.1", "localhost")
TIMEOUT_SECONDS = 30.0
MAX_REQUESTS = 1_000_000


def main() -> None:
    """Send POSTs for some seconds: on each connection, the next as soon as one is answered."""
    url = URL(sys.argv[1])
    seconds = float(sys.argv[2])
    if url.host not in LOOPBACK:
        sys.exit("only a server on this machine may be put under load")
    asked = json.load(sys.stdin)
    took_ms: list[float] = []
    started = time.perf_counter()
    pool = Pool(len(asked["requests"]))
    for request in asked["requests"]:
        pool.spawn(_ask, url, request, asked["status"], started + seconds, took_ms)
    pool.join(raise_error=True)
    print(json.dumps({"seconds": time.perf_counter() - started, "tookMs": took_ms}))


def _ask(
    url: URL, request: dict[str, Any], status: int, until: float, took_ms: list[float]
) -> None:
    client = HTTPClient.from_url(url, connection_timeout=TIMEOUT_SECONDS)
    body = json.dumps(request["body"]).encode()
    while time.perf_counter() < until and len(took_ms) < MAX_REQUESTS:
        started = time.perf_counter()
        answer = client.post(url.request_uri, body=body, headers=request["headers"])
        text = answer.read()
        if answer.status_code != status:
            raise RuntimeError(f"answered {answer.status_code}: {bytes(text[:300])!r}")
        took_ms.append((time.perf_counter() - started) * 1000)
    client.close()


if __name__ == "__main__":
    main()
