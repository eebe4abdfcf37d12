"""Sends boto3's requests over connections of ours: kept, shared by threads, and with an end.

boto3 signs, tries again and reads the answers. What it cannot do by itself is give up on a store
that trickles, and its connections may not cross a fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from app.connections import KeptConnection, Limit, Pools, transfer_seconds

#: How long one piece of a body may take, whatever its size.
PIECE_SECONDS = 30.0
_BODILESS_STATUS = 300


class Sender:
    """A handler for botocore's `before-send` event, which takes the answer it returns for boto3's.

    https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """

    def __init__(
        self, connect_seconds: float, read_seconds: float, authorities: str | None
    ) -> None:
        self._timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._seconds = connect_seconds + read_seconds
        self._pools = Pools(authorities)

    def __call__(self, request: AWSPreparedRequest, **event: Any) -> AWSResponse:
        """Send a request; raises botocore's `HTTPClientError`, after which boto3 tries again."""
        # The body goes out at once: to wait for a "100 Continue" saves bytes only on refusals.
        headers = {name: value for name, value in request.headers.items() if name != "Expect"}
        length = int(request.headers.get("Content-Length") or 0)
        try:
            with Limit(self._seconds + transfer_seconds(length)):
                response = self._pools.manager.urlopen(
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
                answer = AWSResponse(
                    request.url, response.status, response.headers, LimitedBody(response)
                )
                if not request.stream_output or response.status >= _BODILESS_STATUS:
                    answer.content  # noqa: B018  (read while the limit holds, and kept)
                return answer
        except HTTPError as exc:
            raise HTTPClientError(error=exc) from exc


class LimitedBody:
    """An answer's body of which every piece must come in time."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self._connection = response.connection  # none where the answer has no body

    def read(self, size: int | None = None) -> bytes:
        """Return exactly `size` bytes, fewer only at the end."""
        with Limit(PIECE_SECONDS) as limit:
            if isinstance(self._connection, KeptConnection):
                limit.break_with(self._connection.hang_up)
            return self._response.read(size)

    def stream(self) -> Iterator[bytes]:
        """Give all that there is."""
        return self._response.stream()

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()
