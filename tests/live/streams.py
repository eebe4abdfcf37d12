"""A test's listener: one connection, whose events are read as they arrive."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.processes import PATIENCE_SECONDS


@dataclass(frozen=True)
class Told:
    """One event."""

    id: str
    status: dict[str, Any]


class Stream:
    """Listens to a job over HTTP/1.1, by hand, so that nothing is hidden."""

    def __init__(self, port: int, job_id: str, *, query: str = "", **headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._file = self._socket.makefile("rb")
        lines = [
            f"GET /api/publish/{job_id}/events{query} HTTP/1.1",
            "Host: localhost",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.status = int(self._file.readline().split()[1])
        self.headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def next(self) -> Told | None:
        """Return the next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        while line := self._file.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if not name and not value and "data" in fields:
                return Told(fields["id"], json.loads(fields["data"]))
            fields[name] = value.strip()
        return None

    def rest(self) -> list[Told]:
        """Return all events until the stream ends."""
        events = []
        while event := self.next():
            events.append(event)
        return events

    def line(self) -> bytes:
        """Return the next line as it is."""
        return self._file.readline()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._socket.close()
