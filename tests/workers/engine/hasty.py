"""A worker that gives its children a moment only: `python -m tests.workers.engine.hasty`."""

from __future__ import annotations

from workers.engine import worker
from workers.worker import main

worker.GRACE_SECONDS = 1.0

if __name__ == "__main__":
    main()
