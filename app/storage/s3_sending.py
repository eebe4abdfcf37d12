"""Sends boto3's requests over connections of ours: kept, shared by threads, and with an end.

boto3 signs, tries again and reads the answers. What it cannot do by itself is give up on a store
that trickles, and its connections may not cross a fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from app.connections import KeptConnection, Limit, Pools, transfer_seconds

FIRST_REFUSING_STATUS = 300


class Sender:
    """A handler for botocore's `before-send` event, which takes the answer it returns for boto3's.

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
        """Send a request; raises botocore's `HTTPClientError`, after which boto3 tries again."""
        length = int(request.headers.get("Content-Length") or 0)
        body: LimitedBody | None = None
        try:
            with Limit(self._seconds + transfer_seconds(length)):
                response = self._send(request)
                body = LimitedBody(response, self._piece_seconds)
                headers = cast(Any, response.headers)
                answer = AWSResponse(request.url, response.status, headers, body)
                if not request.stream_output or response.status >= FIRST_REFUSING_STATUS:
                    answer.content  # noqa: B018  (it is kept: read while the limit holds)
                return answer
        except HTTPError as exc:
            if body is not None:
                body.close()
            raise HTTPClientError(error=exc) from exc

    def _send(self, request: AWSPreparedRequest) -> BaseHTTPResponse:
        # The body goes out at once: to wait for a "100 Continue" saves bytes only on refusals.
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


class LimitedBody:
    """An answer's body of which every piece must come in time."""

    def __init__(self, response: BaseHTTPResponse, piece_seconds: float) -> None:
        self._response = response
        self._piece_seconds = piece_seconds
        connection: Any = response.connection
        self._connection = connection  # none where the answer has no body

    def read(self, size: int | None = None) -> bytes:
        """Return exactly `size` bytes, fewer only at the end."""
        with Limit(self._piece_seconds) as limit:
            if isinstance(self._connection, KeptConnection):
                limit.break_with(self._connection.hang_up)
            return self._response.read(size)

    def stream(self) -> Iterator[bytes]:
        """Give all that there is."""
        return self._response.stream()

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()
