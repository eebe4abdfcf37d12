"""The only sender of requests to platforms and webhooks: time limits, and failures translated.

No redirect is ever followed (YouTube's 308 is not one), no cookie is kept, no proxy or netrc of
the machine is used, an answer's body is read only up to a bound, and no URL, header or token gets
into a message. Connections are kept per host and shared by the threads of a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from json import dumps, loads
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, TimeoutError
from urllib3.util import make_headers, parse_url

from app.connections import Limit, Pools, transfer_seconds
from workers.errors import AnswerLost, NetworkFailure, OutcomeUnknown, PublishError, Transient

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ANSWER_MAX_BYTES = 4 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"
#: What a body is sent in: large enough that a piece costs little beside its bytes, small enough
#: that a cancellation, which is noticed between two, does not wait long.
PIECE_BYTES = 512 * 1024
#: How long a cancellation may go unnoticed while a body waits for its next bytes.
HEED_SECONDS = 1.0
_pools = Pools()
_threads = threading.local()


class BodySource(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to `size` bytes, empty at the end."""

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most, and say whether it is of use to read now."""


class Body:
    """A request body of a known length, read from a stream piece by piece and counted.

    `on_read` gets the number of bytes read so far, and again while nothing comes; it may raise to
    break off the request. A stream that ends early raises `Transient`, so that a short body is
    never taken for a whole one.
    """

    def __init__(self, stream: BodySource, length: int, on_read: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_read = on_read
        self.length = length

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Give the pieces in order, as they are to be sent."""
        read_bytes = 0
        while read_bytes < self.length:
            while not self._stream.is_ready(HEED_SECONDS):
                self._on_read(read_bytes)
            piece = self._stream.read(min(PIECE_BYTES, self.length - read_bytes))
            if not piece:
                raise Transient(
                    "source_ended_early", "the video store sent fewer bytes than promised"
                )
            read_bytes += len(piece)
            self._on_read(read_bytes)
            yield piece


@dataclass(frozen=True)
class Heard:
    """How the last request of a thread went: well where any answer below 500 came.

    `is_hang`: its time was up before anything came.
    """

    is_well: bool
    is_hang: bool = False


@dataclass(frozen=True)
class Answer:
    """What a server answered: the status, the headers and a bounded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object; empty when it is anything else."""
        try:
            value = loads(self.body)
        except (ValueError, RecursionError):  # brackets nested without end are no answer either
            return {}
        return value if isinstance(value, dict) else {}

    def retry_after(self, now: datetime) -> datetime | None:
        """Return the time that a `Retry-After` header names (RFC 9110 §10.2.3), if any."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isdecimal():
            return now + timedelta(seconds=min(int(value), 30 * 86400))
        try:
            named = parsedate_to_datetime(value)
        except ValueError:
            return None
        return named if named.tzinfo is not None else None


def call(
    method: str,
    url: str,
    *,
    acts: bool = False,
    read_seconds: float = READ_SECONDS,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    data: Body | bytes | Mapping[str, str] | None = None,
) -> Answer:
    """Send one request and return whatever was answered, of any status.

    `acts` marks a request that may make a video public: when its answer is lost, `AnswerLost` is
    raised instead of `NetworkFailure`, since sent again it could post the video twice. A mapping
    as `data` is sent as a form. `read_seconds` is how long the platform may stay silent; the whole
    call ends when connecting, sending at the least rate and this would be over. Exceptions raised
    by a `Body` pass through.
    """
    body, described = _body_of(json, data)
    full_url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
    limit = _limit(described, read_seconds)
    try:
        with limit:
            sent = {**described, **(headers or {})}
            answer = _exchange(method, full_url, sent, body, read_seconds)
    except NewConnectionError as exc:  # refused, or without an address: nothing was sent
        _threads.heard = Heard(is_well=False)
        raise NetworkFailure("connection_lost", "the platform could not be reached") from exc
    except ConnectTimeoutError as exc:
        _threads.heard = Heard(is_well=False, is_hang=True)
        raise NetworkFailure("connect_timeout", "the platform could not be reached") from exc
    except HTTPError as exc:
        is_late = limit.is_over or isinstance(exc, TimeoutError)
        _threads.heard = Heard(is_well=False, is_hang=is_late)
        code = "read_timeout" if is_late else "connection_lost"
        # The exception's own text may hold a URL with a token.
        raise _lost(acts)(code, "the connection to the platform broke") from exc
    _threads.heard = Heard(is_well=answer.status < 500)
    return answer


def listen() -> None:
    """Forget how this thread's requests went so far."""
    _threads.heard = None


def heard() -> Heard | None:
    """Return how the last request since `listen` went; None: there was none."""
    found: Heard | None = getattr(_threads, "heard", None)
    return found


def unexpected(answer: Answer, *, acts: bool = False) -> PublishError:
    """Return the error for an answer that no table of the platform knows.

    A 5xx, or a body that is not the platform's own, says nothing about what was done.
    """
    failure: type[PublishError] = OutcomeUnknown if acts else Transient
    error = failure(f"http_{answer.status}", f"the platform answered HTTP {answer.status}")
    error.not_before = answer.retry_after(datetime.now(timezone.utc))
    return error


def _lost(acts: bool) -> type[PublishError]:
    return AnswerLost if acts else NetworkFailure


def _body_of(
    json: Any, data: Body | bytes | Mapping[str, str] | None
) -> tuple[Body | bytes | None, dict[str, str]]:
    """Return what to send, and the headers that describe it."""
    if json is not None:
        content, kind = dumps(json).encode(), {"Content-Type": "application/json"}
        return content, {**kind, "Content-Length": str(len(content))}
    if isinstance(data, Mapping):
        content, kind = urlencode(data).encode(), {"Content-Type": FORM}
        return content, {**kind, "Content-Length": str(len(content))}
    if isinstance(data, Body):
        return data, {"Content-Length": str(data.length)}
    return data, {} if data is None else {"Content-Length": str(len(data))}


def _limit(described: Mapping[str, str], read_seconds: float) -> Limit:
    length = int(described.get("Content-Length", "0"))
    return Limit(CONNECT_SECONDS + transfer_seconds(length) + read_seconds)


def _exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Body | bytes | None,
    read_seconds: float,
) -> Answer:
    """Send, and read an answer up to the bound.

    The connection is used again only when that was all of it.
    """
    login = parse_url(url).auth  # of a webhook's address, say
    signed = make_headers(basic_auth=unquote(login)) if login else {}
    response = _pools.manager.urlopen(
        method,
        url,
        redirect=False,
        retries=False,
        body=body,
        headers={"Accept-Encoding": "gzip", **signed, **headers},
        timeout=Timeout(connect=CONNECT_SECONDS, read=read_seconds),
        preload_content=False,
    )
    try:
        content = response.read(ANSWER_MAX_BYTES, decode_content=True)
        return Answer(response.status, response.headers, content)
    finally:
        response.close()
