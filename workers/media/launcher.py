"""Replaces itself with another program, under resource limits.

Run by path with Python's `-I`; imports nothing of ours. Arguments: the parent's process id, bytes
of memory, bytes per file, and the command.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

NICENESS = 10
#: `prctl(2)`: be killed when the parent dies, for any reason.
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the limits, which survive `exec`, and run the command."""
    parent, memory_bytes, file_bytes = map(int, sys.argv[1:4])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)
    os.nice(NICENESS)
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS lacks RLIMIT_AS; the parent's timeout still applies
            continue
    os.execv(sys.argv[4], sys.argv[4:])


if __name__ == "__main__":
    main()
