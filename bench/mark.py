"""A run that does nothing but leave a mark.

Imports next to nothing, for a forking worker loads it anew for every run.
"""

from __future__ import annotations

import os

#: The variable that names the file in which each run leaves a byte.
MARKS = "BENCH_MARKS"


def leave() -> None:
    """Be a run."""
    marks = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND)
    os.write(marks, b".")
    os.close(marks)
