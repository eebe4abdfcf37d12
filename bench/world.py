"""The service's surroundings: the platform sandbox and a store, each a process of its own.

Both may be behind rate-limiting proxies, the same for both sides.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Tree
from sandbox.loopback import loopback_session

MANY = 10**9
#: The platforms' limits are not under test.
UNLIMITED = {
    "processing_seconds": 0.0,
    "youtube_uploads_per_day": MANY,
    "youtube_units_per_day": MANY,
    "youtube_stats_per_day": MANY,
    "youtube_channel_uploads_per_day": MANY,
}
BUCKET = "videos"


@dataclass(frozen=True)
class World:
    """The URLs of the platforms and the store; `control_url` is not rate-limited."""

    platforms_url: str
    store_url: str
    control_url: str
    store_folder: Path

    @property
    def store_settings(self) -> dict[str, str]:
        """The settings that make the service use this store."""
        return {
            "R2_ENDPOINT_URL": self.store_url,
            "R2_BUCKET": BUCKET,
            "R2_ACCESS_KEY_ID": "bench",
            "R2_SECRET_ACCESS_KEY": "bench-secret",
        }

    def account(self, platform: str = "YOUTUBE") -> dict[str, Any]:
        """Create an account; returns a body for `PUT /api/accounts`."""
        return self._control("accounts", platform=platform)

    def fault(self, **fault: Any) -> None:
        """Add a fault."""
        self._control("faults", **fault)

    def settings(self, **changes: Any) -> None:
        """Change the sandbox's settings."""
        self._control("settings", **changes)

    def _control(self, path: str, **body: Any) -> dict[str, Any]:
        with loopback_session() as session:
            answer = session.post(f"{self.control_url}/_sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def open_world(folder: Path, bytes_per_second: float | None = None) -> Iterator[World]:
    """Run the sandbox and the store, each connection limited to this rate."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as parts:

        def run(module: str, *arguments: str) -> str:
            command = [sys.executable, "-m", module, *arguments]
            return parts.enter_context(Tree(command, os.environ, folder / f"{module}.log")).line()

        def line_to(port: str) -> str:
            if bytes_per_second is None:
                return port
            return run("bench.paced", f"127.0.0.1:{port}", str(bytes_per_second)).strip()

        store_folder = folder / "store"
        store_folder.mkdir(exist_ok=True)
        started = run("sandbox", "--port", "0", "--state-dir", str(folder / "sandbox"))
        sandbox_port = started.strip().rpartition(":")[2]
        store_port = run("bench.store", str(store_folder)).strip()
        world = World(
            platforms_url=f"http://127.0.0.1:{line_to(sandbox_port)}",
            store_url=f"http://127.0.0.1:{line_to(store_port)}",
            control_url=f"http://127.0.0.1:{sandbox_port}",
            store_folder=store_folder,
        )
        world.settings(**UNLIMITED)
        yield world
