"""A server on loopback whose connections a test controls byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

TRICKLE_SECONDS = 0.02


class Host:
    """A server; every connection runs `behave` in a thread of its own."""

    def __init__(self, behave: Callable[[Host, socket.socket], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.connections: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def head_of(self, connection: socket.socket) -> bytes:
        """Read a request's head and whatever came with it; empty when the client hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        self.requests.append(data)
        return data

    def trickle(self, connection: socket.socket, start: bytes = b"") -> None:
        """Trickle bytes until the client hangs up or the test is over."""
        connection.sendall(start)
        while not self.is_over.wait(TRICKLE_SECONDS):
            connection.sendall(b"x")

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)  # only a started thread can be joined

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self._behave(self, connection)

    def close(self) -> None:
        self.is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@contextmanager
def host(behave: Callable[[Host, socket.socket], None]) -> Iterator[Host]:
    """Run a server during a block."""
    server = Host(behave)
    thread = threading.Thread(target=server.accept)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def answering(host: Host, connection: socket.socket) -> None:
    """Answer every request at once and keep the connection."""
    while host.head_of(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
