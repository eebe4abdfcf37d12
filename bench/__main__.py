"""`make bench`: measure on this machine, print the table, and write the report.

`python -m bench [--size full|quick|smoke] [--output FOLDER] [--without-node] [family …]`
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from bench.bench import Bench, Family
from bench.databases import Databases
from bench.figures import Figure
from bench.node import open_bullmq
from bench.processes import ROOT
from bench.report import Conditions, line_of, write_report
from bench.sizes import SIZES
from sandbox.development.redis_server import RedisServer

#: Each is a module of this package whose `measure` yields figures.
FAMILIES = (
    "release",
    "lateness",
    "idle",
    "publishing",
    "uploads",
    "byte_path",
    "empty",
    "api",
    "growth",
    "claims",
    "million",
    "isolation",
    "quality",
    "listeners",
)


def main(arguments: list[str] | None = None) -> int:
    """Measure the given families, or all."""
    options = _parse(arguments)
    # Exit through the context managers, so that started processes are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = options.families or FAMILIES
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = RedisServer()
        parts.callback(server.stop)
        server.start()
        redis = parts.enter_context(Redis.from_url(server.url))
        bullmq = None if options.without_node else open_bullmq(server.url, folder)
        databases = parts.enter_context(Databases())
        bench = Bench(server.url, redis, folder, SIZES[options.size], bullmq, databases)
        conditions = Conditions.seen(redis, bullmq, options.size)
        for name in names:  # written one by one: all of them take an hour
            write_report(options.output, {name: list(_measured(name, bench))}, conditions)
    return 0


def _measured(name: str, bench: Bench) -> Iterator[Figure]:
    measure: Family = importlib.import_module(f"bench.{name}").measure
    for figure in measure(bench):
        print(line_of(figure), flush=True)
        yield figure


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    families = f"of {', '.join(FAMILIES)}; all by default"
    parser.add_argument(
        "families", nargs="*", metavar="family", choices=[[], *FAMILIES], help=families
    )
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    parser.add_argument("--without-node", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
