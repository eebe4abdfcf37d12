"""The HTTP client for platforms and webhooks: time limits, and failures as `PublishError`s.

It follows no redirect (YouTube's 308 is not one), keeps no cookie, uses no proxy or netrc of the
machine, reads a response's body only up to a bound, and puts no URL, header or token into a
message. Connections are pooled per host and shared by the threads of a process.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from json import dumps, loads
from typing import Any
from urllib.parse import unquote, urlencode

from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, TimeoutError
from urllib3.util import make_headers, parse_url

from app.connections import Deadline, Pools, transfer_seconds
from workers.errors import NetworkFailure, OutcomeUnknown, PublishError, ResponseLost, Transient
from workers.request_body import Body

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
#: The longest wait that is believed, in either form of `Retry-After`.
RETRY_AFTER_MAX_SECONDS = 30 * 86400
RESPONSE_MAX_BYTES = 4 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"
# What no database stores, as JSON escapes it: a NUL, and half of a surrogate pair.
_UNFIT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_pools = Pools()
_threads = threading.local()


@dataclass(frozen=True)
class CallOutcome:
    """How a request went: `succeeded` with any response below 500; else it may have timed out."""

    succeeded: bool
    timed_out: bool = False


@dataclass
class Observation:
    """The requests of one thread within one block; `last` is None while there was none."""

    last: CallOutcome | None = None


@dataclass(frozen=True)
class Response:
    """A server's response: the status, the headers and a bounded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object that can be stored; empty when it is anything else."""
        try:
            value = loads(self.body.decode("utf-8-sig", "replace"))
            # A platform that cuts off a text may leave half of an emoji.
            if _UNFIT_ESCAPE.search(self.body):
                value = _fit_to_store(value)
        except (ValueError, RecursionError):  # RecursionError: endlessly nested brackets
            return {}
        return value if isinstance(value, dict) else {}

    def retry_after(self, now: datetime) -> datetime | None:
        """Return the time that a `Retry-After` header names (RFC 9110 §10.2.3), if any.

        It lies between `now` and `RETRY_AFTER_MAX_SECONDS` later.
        """
        value = self.headers.get("Retry-After", "").strip()
        latest = now + timedelta(seconds=RETRY_AFTER_MAX_SECONDS)
        if value.isdecimal():
            # So many digits are enough to exceed the maximum, and Python reads only 4300.
            seconds = int(value.lstrip("0")[:10] or "0")
            return min(now + timedelta(seconds=seconds), latest)
        try:
            named = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(named, now), latest) if named.tzinfo is not None else None


def _fit_to_store(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_fit_to_store(one) for one in value]
    if isinstance(value, dict):
        return {_fit_to_store(name): _fit_to_store(one) for name, one in value.items()}
    return value


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
) -> Response:
    """Send one request and return the response, whatever its status.

    `acts` marks a request that may make a video public: if its response is lost, it raises
    `ResponseLost` instead of `NetworkFailure`, as a repetition could post twice. A mapping as
    `data` is sent as a form. `read_seconds` limits each wait for the platform; the whole call may
    take the time for connecting, for sending at the minimum rate, and `read_seconds`.
    Exceptions raised by a `Body` pass through.
    """
    body, described = _body_of(json, data)
    full_url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
    deadline = _deadline(described, read_seconds)
    try:
        with deadline:
            sent = {**described, **(headers or {})}
            response = _exchange(method, full_url, sent, body, read_seconds)
    except NewConnectionError as exc:  # refused or not resolved: nothing was sent
        _note(CallOutcome(succeeded=False))
        raise NetworkFailure("connection_lost", "the platform could not be reached") from exc
    except ConnectTimeoutError as exc:
        _note(CallOutcome(succeeded=False, timed_out=True))
        raise NetworkFailure("connect_timeout", "the platform could not be reached") from exc
    except HTTPError as exc:
        timed_out = deadline.is_expired or isinstance(exc, TimeoutError)
        _note(CallOutcome(succeeded=False, timed_out=timed_out))
        code = "read_timeout" if timed_out else "connection_lost"
        # The exception's own text may hold a URL with a token.
        raise _lost(acts)(code, "the connection to the platform broke") from exc
    _note(CallOutcome(succeeded=response.status < 500))
    return response


@contextmanager
def observe() -> Iterator[Observation]:
    """Observe how the requests that this thread sends within the block go.

    An inner block hides its requests from an outer one.
    """
    outer: Observation | None = getattr(_threads, "observation", None)
    observation = _threads.observation = Observation()
    try:
        yield observation
    finally:
        _threads.observation = outer


def _note(outcome: CallOutcome) -> None:
    observation: Observation | None = getattr(_threads, "observation", None)
    if observation is not None:
        observation.last = outcome


def unexpected(response: Response, *, acts: bool = False) -> PublishError:
    """Return the error for a response that the platform's tables do not cover.

    A 5xx, or a body that is not the platform's own, does not tell whether the request took effect.
    """
    failure: type[PublishError] = OutcomeUnknown if acts else Transient
    error = failure(f"http_{response.status}", f"the platform answered HTTP {response.status}")
    error.not_before = response.retry_after(datetime.now(timezone.utc))
    return error


def _lost(acts: bool) -> type[PublishError]:
    return ResponseLost if acts else NetworkFailure


def _body_of(
    json: Any, data: Body | bytes | Mapping[str, str] | None
) -> tuple[Body | bytes | None, dict[str, str]]:
    """Return the body to send, and the headers that describe it."""
    if json is not None:
        content, kind = dumps(json).encode(), {"Content-Type": "application/json"}
        return content, {**kind, "Content-Length": str(len(content))}
    if isinstance(data, Mapping):
        content, kind = urlencode(data).encode(), {"Content-Type": FORM}
        return content, {**kind, "Content-Length": str(len(content))}
    if isinstance(data, Body):
        return data, {"Content-Length": str(data.length)}
    return data, {} if data is None else {"Content-Length": str(len(data))}


def _deadline(described: Mapping[str, str], read_seconds: float) -> Deadline:
    length = int(described.get("Content-Length", "0"))
    return Deadline(CONNECT_SECONDS + transfer_seconds(length) + read_seconds)


def _exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Body | bytes | None,
    read_seconds: float,
) -> Response:
    """Send a request and read its response up to the bound.

    The connection is reused only when the whole response was read.
    """
    login = parse_url(url).auth  # a webhook's URL may carry one
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
        content = response.read(RESPONSE_MAX_BYTES, decode_content=True)
        return Response(response.status, response.headers, content)
    finally:
        response.close()
