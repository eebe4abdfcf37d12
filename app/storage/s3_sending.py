"""Sends boto3's requests over our own connection pools, under a deadline.

boto3 signs, retries and parses. It cannot give up on a store that trickles, and its own
connections must not cross a fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from app.connections import Deadline, PooledConnection, Pools, transfer_seconds

FIRST_ERROR_STATUS = 300


class Sender:
    """A handler for botocore's `before-send` event; what it returns replaces boto3's own response.

    https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """

    def __init__(
        self,
        *,
        connect_seconds: float,
        read_seconds: float,
        piece_seconds: float,
        authorities: str | None,
    ) -> None:
        self._timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._seconds = connect_seconds + read_seconds
        self._piece_seconds = piece_seconds
        self._pools = Pools(authorities)

    def __call__(self, request: AWSPreparedRequest, **event: Any) -> AWSResponse:
        """Send a request; raises botocore's `HTTPClientError`, on which boto3 retries."""
        length = int(request.headers.get("Content-Length") or 0)
        body: DeadlineBody | None = None
        try:
            with Deadline(self._seconds + transfer_seconds(length)):
                raw = self._send(request)
                body = DeadlineBody(raw, self._piece_seconds)
                response = AWSResponse(request.url, raw.status, cast(Any, raw.headers), body)
                if not request.stream_output or raw.status >= FIRST_ERROR_STATUS:
                    response.content  # noqa: B018  (caches the body while the deadline is armed)
                return response
        except HTTPError as exc:
            if body is not None:
                body.close()
            raise HTTPClientError(error=exc) from exc

    def _send(self, request: AWSPreparedRequest) -> BaseHTTPResponse:
        # Send the body at once: waiting for "100 Continue" saves bytes only when refused.
        headers = {name: value for name, value in request.headers.items() if name != "Expect"}
        return self._pools.manager.urlopen(
            request.method,
            request.url,
            redirect=False,
            retries=False,
            body=request.body,
            headers=headers,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )


class DeadlineBody:
    """A response body whose every read is bounded by a deadline."""

    def __init__(self, response: BaseHTTPResponse, piece_seconds: float) -> None:
        self._response = response
        self._piece_seconds = piece_seconds
        connection: Any = response.connection
        self._connection = connection  # None for a response without a body

    def read(self, size: int | None = None) -> bytes:
        """Return exactly `size` bytes, fewer only at the end of the body."""
        with Deadline(self._piece_seconds) as deadline:
            if isinstance(self._connection, PooledConnection):
                deadline.on_expiry(self._connection.hang_up)
            return self._response.read(size)

    def stream(self) -> Iterator[bytes]:
        """Yield the whole body."""
        return self._response.stream()

    def close(self) -> None:
        """Release the connection."""
        self._response.close()
