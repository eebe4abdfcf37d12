"""A worker that gives its children a moment only: `python -m tests.workers.engine.hasty`."""

from __future__ import annotations

from tests.workers.engine.stand_in import main
from workers.engine import worker

worker.GRACE_SECONDS = 1.0

if __name__ == "__main__":
    main()
