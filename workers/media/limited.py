"""Becomes another program, within bounds. Run by file with Python's `-I`; loads nothing of ours.

Arguments: the parent's process id, bytes of memory, bytes per file, and the command.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

NICENESS = 10
#: `prctl(2)`: be killed when the parent dies, however it does.
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the bounds, which outlast the change of program."""
    parent, memory_bytes, file_bytes = map(int, sys.argv[1:4])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)
    os.nice(NICENESS)
    bounds = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):  # macOS has no RLIMIT_AS; the parent's clock still holds
            continue
    os.execv(sys.argv[4], sys.argv[4:])


if __name__ == "__main__":
    main()
