"""The stand-in worker with a short grace: `python -m tests.workers.engine.hasty`."""

from __future__ import annotations

from tests.workers.engine import stand_in
from workers import worker
from workers.engine import worker as engine

GRACE_SECONDS = 4.0
RESPONSE_SECONDS = 4


def main() -> None:
    """Run it, in a process of its own."""
    engine.GRACE_SECONDS = GRACE_SECONDS
    worker.RESPONSE_SECONDS = engine.RESPONSE_SECONDS = RESPONSE_SECONDS
    stand_in.main()
