"""A run that only leaves a mark.

Imports next to nothing, because a forking worker loads it again for every run.
"""

from __future__ import annotations

import os

#: The path by which it is queued.
FUNCTION = "bench.mark.leave"
#: The variable that names the file in which each run leaves a byte.
MARKS = "BENCH_MARKS"


def leave() -> None:
    """Append a byte to the file."""
    marks = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND)
    os.write(marks, b".")
    os.close(marks)
