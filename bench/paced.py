"""A rate-limiting proxy: `python -m bench.paced HOST:PORT BYTES_PER_SECOND`, port on stdout.

Forwards each connection's bytes in both directions, no faster than the limit. The bytes stay in
the kernel, so that it costs next to nothing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time

PIECE_BYTES = 1024 * 1024
PACKET_BYTES = 256 * 1024


def main() -> None:
    """Accept connections until SIGTERM."""
    host, _, port = sys.argv[1].rpartition(":")
    rate = float(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((host, int(port)))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=pass_on, args=(source, target, rate), daemon=True).start()


def pass_on(source: socket.socket, target: socket.socket, rate: float) -> None:
    """Forward one direction's bytes until it ends."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIECE_BYTES)
    free_at = time.monotonic()
    try:
        while count := os.splice(source.fileno(), writing, PACKET_BYTES):
            sent = 0
            while sent < count:
                sent += os.splice(reading, target.fileno(), count - sent)
            free_at = max(free_at, time.monotonic()) + count / rate
            pause = free_at - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _hang_up(source)
        _hang_up(target)
    finally:
        os.close(reading)
        os.close(writing)


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


if __name__ == "__main__":
    main()
