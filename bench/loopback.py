"""A store and a platform that cost next to nothing, so that only what is between them is measured.

Each runs in a process of its own and implements only what a plain upload needs of S3 and of
YouTube's upload sessions. `bytes_per_second` limits every connection.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HEAD_MAX_BYTES = 64 * 1024
#: Bytes are skipped, or sent, in pieces of this size.
STEP_BYTES = 1024 * 1024
#: With a rate limit, in pieces small enough to be smooth.
SLOW_STEP_BYTES = 64 * 1024
_SPAN = re.compile(r"bytes=(\d+)-(\d*)")
_PLACE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_VIDEO = {
    "id": "bench-video",
    "status": {"uploadStatus": "processed", "privacyStatus": "public"},
    "processingDetails": {"processingStatus": "succeeded"},
}


class Rate:
    """Limits one connection to a number of bytes per second; 0: unlimited."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self.step_bytes = SLOW_STEP_BYTES if bytes_per_second else STEP_BYTES
        self._free_at = time.monotonic()

    def passed(self, count: int) -> None:
        """Sleep for as long as these bytes take."""
        if self._rate:
            self._free_at = max(self._free_at, time.monotonic() - 0.01) + count / self._rate
            time.sleep(max(self._free_at - time.monotonic(), 0))


class Connection(socketserver.BaseRequestHandler):
    """One keep-alive connection: reads request heads and answers; bodies are up to subclasses."""

    server: LoopbackServer

    def handle(self) -> None:
        """Answer requests until the client hangs up."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rate = Rate(self.server.bytes_per_second)
        self.early = b""
        while head := self._head():
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            pairs = (line.partition(":") for line in lines[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            self.answer(method, target, headers)

    def answer(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Answer one request."""
        raise NotImplementedError

    def reply(self, status: str, body: bytes = b"", **headers: str) -> None:
        """Send a status, headers and a short body."""
        named = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        if "Content_Length" not in headers:
            named += f"Content-Length: {len(body)}\r\n"
        time.sleep(self.server.response_seconds)
        self.request.sendall(f"HTTP/1.1 {status}\r\n{named}\r\n".encode() + body)

    def _head(self) -> bytes:
        data = self.early
        while b"\r\n\r\n" not in data:
            piece = self.request.recv(HEAD_MAX_BYTES)
            if not piece:
                return b""
            data += piece
        head, _, self.early = data.partition(b"\r\n\r\n")
        return head


class StoreConnection(Connection):
    """An S3-like store over a folder of buckets."""

    server: StoreServer

    def answer(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Answer GET and HEAD, whole or by range."""
        path = self.server.folder / target.split("?")[0].lstrip("/")
        size = path.stat().st_size
        facts = {"ETag": '"bench"', "Content_Type": "video/mp4", "Accept_Ranges": "bytes"}
        span = _SPAN.fullmatch(headers.get("range", ""))
        first, last = 0, size - 1
        status = "200 OK"
        if span is not None:
            first, last = int(span[1]), min(int(span[2] or last), last)
            status = "206 Partial Content"
            facts["Content_Range"] = f"bytes {first}-{last}/{size}"
        self.reply(status, b"", Content_Length=str(last - first + 1), **facts)
        if method == "GET":
            self._send(path, first, last + 1)

    def _send(self, path: Path, place: int, end: int) -> None:
        with path.open("rb") as file:
            while place < end:
                step = min(self.rate.step_bytes, end - place)
                sent = os.sendfile(self.request.fileno(), file.fileno(), place, step)
                self.rate.passed(sent)
                place += sent


class SinkConnection(Connection):
    """YouTube's upload session, and a plain PUT for curl; the bytes are dropped unread."""

    def answer(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Answer a session's opening, its bytes, and the video's status."""
        self._drop(int(headers.get("content-length", "0")))
        place = _PLACE.fullmatch(headers.get("content-range", ""))
        if method == "POST":
            self.reply("200 OK", Location=f"http://{headers['host']}{target}&upload_id=bench")
        elif method == "GET":
            self.reply("200 OK", json.dumps({"items": [_VIDEO]}).encode())
        elif place is not None and int(place[2]) + 1 < int(place[3]):
            self.reply("308 Resume Incomplete", Range=f"bytes=0-{place[2]}")
        else:
            self.reply("201 Created", json.dumps(_VIDEO).encode())

    def _drop(self, length: int) -> None:
        left = length - len(self.early)
        self.early = b""
        step = bytearray(self.rate.step_bytes)
        while left > 0:
            # MSG_TRUNC: the kernel frees the bytes without copying them out (tcp(7)).
            count = self.request.recv_into(step, min(len(step), left), socket.MSG_TRUNC)
            if not count:
                raise ConnectionError("the client hung up in the middle of a body")
            self.rate.passed(count)
            left -= count


class LoopbackServer(socketserver.ThreadingTCPServer):
    """A thread per connection, at one rate; responses are delayed by `response_seconds`."""

    daemon_threads = True
    request_queue_size = 128
    bytes_per_second = 0
    response_seconds = 0.0

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up."""


class StoreServer(LoopbackServer):
    """The store over `folder`."""

    folder = Path()


@contextmanager
def store(folder: Path, *, bytes_per_second: int = 0) -> Iterator[str]:
    """Serve a folder as a bucket; yields the URL."""

    def server() -> LoopbackServer:
        serving = StoreServer(("127.0.0.1", 0), StoreConnection)
        serving.folder, serving.bytes_per_second = folder, bytes_per_second
        return serving

    with _running(server) as url:
        yield url


@contextmanager
def sink(*, bytes_per_second: int = 0, response_seconds: float = 0.0) -> Iterator[str]:
    """Accept uploads and drop them; yields the URL."""

    def server() -> LoopbackServer:
        serving = LoopbackServer(("127.0.0.1", 0), SinkConnection)
        serving.bytes_per_second, serving.response_seconds = bytes_per_second, response_seconds
        return serving

    with _running(server) as url:
        yield url


@contextmanager
def _running(make: Callable[[], LoopbackServer]) -> Iterator[str]:
    forked = multiprocessing.get_context("fork")
    with make() as server:
        child = forked.Process(target=server.serve_forever, daemon=True)
        child.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            child.kill()
            child.join()
