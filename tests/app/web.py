"""The web process of the Procfile, started for real on a port of its own."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Config
from tests.processes import PATIENCE_SECONDS, WEB, Process, wait_until

#: Below the ports that systems give to outgoing connections, so that none takes ours away
#: between the choice and the use of it.
PORTS = range(20_000, 30_000)


#: The UDP ports of the same numbers, held until this process ends, so that no other test process
#: chooses a port that is chosen and not listened on yet.
_reserved: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody listens on and no other test process is given."""
    while True:
        port = random.choice(PORTS)
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind(("0.0.0.0", port))
            with socket.socket() as probe:
                probe.bind(("0.0.0.0", port))
        except OSError:
            reservation.close()
            continue
        _reserved.append(reservation)
        return port


@contextmanager
def running_web(config: Config, log: Path) -> Iterator[Process]:
    """Serve the API with one process at `config.port` until the block ends."""
    with Process(WEB, config, log, WEB_CONCURRENCY="1") as process:
        wait_until(lambda: _listens(config.port), "the web process")
        yield process
        process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True
