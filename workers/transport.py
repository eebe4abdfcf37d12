"""The only sender of requests to platforms and webhooks: time limits, and failures translated.

No redirect is ever followed (YouTube's 308 is not one), no proxy or netrc of the machine is
used, an answer's body is read only up to a bound, and no URL, header or token gets into a message.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Protocol

import requests
import urllib3

from workers.deadlines import Deadline, WatchedAdapter, seconds_for
from workers.errors import AnswerLost, NetworkFailure, OutcomeUnknown, PublishError, Transient

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ANSWER_MAX_BYTES = 4 * 1024 * 1024
_threads = threading.local()


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, empty at the end."""


class Body:
    """A request body of a known length, read from a stream piece by piece and counted.

    `on_read` gets the number of bytes read so far and may raise to break off the request. A
    stream that ends early raises `Transient`, so that a short body is never taken for a whole one.
    """

    def __init__(self, stream: Readable, length: int, on_read: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_read = on_read
        self.len = length  # what requests asks for the Content-Length
        self.read_bytes = 0

    def __iter__(self) -> NoReturn:
        # requests streams what looks iterable, but reads it through read().
        raise TypeError("a Body is read, not iterated")

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, never past the declared length."""
        left = self.len - self.read_bytes
        if left == 0:
            return b""
        piece = self._stream.read(left if size < 0 else min(size, left))
        if not piece:
            raise Transient("source_ended_early", "the video store sent fewer bytes than promised")
        self.read_bytes += len(piece)
        self._on_read(self.read_bytes)
        return piece


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
            value = json.loads(self.body)
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
    whole_seconds: float | None = None,
    **kwargs: Any,
) -> Answer:
    """Send one request and return whatever was answered, of any status.

    Each wait for bytes is limited, and so is the whole: by `whole_seconds`, or by what
    `deadlines.seconds_for` grants the body.

    `acts` marks a request that may make a video public: when its answer is lost, `AnswerLost` is
    raised instead of `NetworkFailure`, since sent again it could post the video twice. `kwargs`
    are those of `requests.request`. Exceptions raised by a `Body` pass through.
    """
    body = kwargs.get("data")
    body_bytes = body.len if isinstance(body, Body) else 0
    deadline = Deadline(whole_seconds or seconds_for(body_bytes))
    kwargs.update(timeout=(CONNECT_SECONDS, read_seconds), allow_redirects=False, stream=True)
    try:
        with deadline, _session().request(method, url, **kwargs) as response:
            answer = Answer(response.status_code, response.headers, _bounded_body(response))
        if deadline.is_over:
            raise requests.ReadTimeout  # the body may end where we hung up
    except requests.ConnectTimeout as exc:
        _threads.heard = Heard(is_well=False, is_hang=True)
        raise NetworkFailure("connect_timeout", "the platform could not be reached") from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
        is_hang = deadline.is_over or isinstance(exc, requests.Timeout)
        _threads.heard = Heard(is_well=False, is_hang=is_hang)
        code = "read_timeout" if is_hang else "connection_lost"
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
    return failure(f"http_{answer.status}", f"the platform answered HTTP {answer.status}")


def _lost(acts: bool) -> type[PublishError]:
    return AnswerLost if acts else NetworkFailure


def _bounded_body(response: requests.Response) -> bytes:
    body = response.raw.read(ANSWER_MAX_BYTES, decode_content=True)
    assert isinstance(body, bytes)
    return body


def _session() -> requests.Session:
    """Return this thread's session: connections are kept per host and never shared."""
    session: requests.Session | None = getattr(_threads, "session", None)
    if session is None:
        session = requests.Session()
        session.trust_env = False
        adapter = WatchedAdapter(pool_connections=8, pool_maxsize=2, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        _threads.session = session
    return session
