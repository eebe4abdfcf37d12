"""The worker, which here also executes functions that show what the engine does with a run."""

from __future__ import annotations

from app.queues.names import ARGUMENTS_OF
from workers import worker

#: Functions of the standard library: one takes its time, one fails, one ends its process, one grows
#: it, and one waits, at a named pipe, until the test lets it go.
SLEEP, FAIL, CRASH, GROW, WAIT = "time.sleep", "math.sqrt", "os.abort", "os.urandom", "os.open"


def main() -> None:
    """Run the worker; only this process executes more than a real one."""
    ARGUMENTS_OF.update(
        {SLEEP: (int,), FAIL: (int,), CRASH: (), GROW: (int,), WAIT: (str, int)},
    )
    worker.main()
