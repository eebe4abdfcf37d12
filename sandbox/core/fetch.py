"""Fetching a video from a URL, as the platforms do: only from loopback, without redirects."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PIECE_BYTES = 256 * 1024
TIMEOUT_SECONDS = 20


class FetchFailed(Exception):
    """Raised when the URL does not deliver the file: unreachable, not 200, or cut short."""


def is_loopback(url: str) -> bool:
    """Return whether the sandbox may fetch the URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and (parts.port or 80) > 0
    except ValueError:
        return False


@contextmanager
def opened(url: str) -> Iterator[http.client.HTTPResponse]:
    """Open the response of a GET. Raises FetchFailed unless it is a 200."""
    if not is_loopback(url):
        raise FetchFailed("not a loopback URL")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        str(parts.hostname), parts.port or 80, timeout=TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        if answer.status != 200:
            raise FetchFailed(f"HTTP {answer.status}")
        yield answer
    except (OSError, http.client.HTTPException) as exc:
        raise FetchFailed(type(exc).__name__) from exc
    finally:
        connection.close()


def pieces(answer: http.client.HTTPResponse, max_bytes: int) -> Iterator[bytes]:
    """Yield the file's bytes. Raises FetchFailed when it is too large or ends early."""
    announced = answer.length
    total = 0
    while piece := answer.read(PIECE_BYTES):
        total += len(piece)
        if total > max_bytes:
            raise FetchFailed("the file is too large")
        yield piece
    if announced is not None and total != announced:
        raise FetchFailed("the file ended early")
