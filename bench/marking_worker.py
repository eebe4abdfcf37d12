"""The worker, which here also executes runs that only leave a mark."""

from __future__ import annotations

from app.queues.names import ARGUMENTS_OF
from bench.mark import FUNCTION
from workers import worker


def main() -> None:
    """Run the worker; a real one refuses runs that the service does not queue."""
    ARGUMENTS_OF[FUNCTION] = ()
    worker.main()


if __name__ == "__main__":
    main()
