"""Bodies to and from S3, verified to the byte, and the translation of the service's errors.

Errors are classified by their exact codes; only a code, never a URL, gets into a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from app.storage.base import Readable, Stream
from app.storage.errors import ObjectChanged, ObjectMissing, StoreUnavailable, WrongLength

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
# The last two: the object is now shorter than the requested range.
_CHANGED = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})
_DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class AccessDenied(StoreUnavailable):
    """Raised when the key that signed a request may not do this."""


class S3Stream(Stream):
    """The body of a range response."""

    def __init__(self, body: StreamingBody, length: int) -> None:
        super().__init__(length)
        self._body = body

    def close(self) -> None:
        self._body.close()

    def _fetch(self, size: int) -> bytes:
        try:
            return self._body.read(size)
        except (BotoCoreError, HTTPClientError, HTTPError, OSError) as exc:
            raise StoreUnavailable("The video store broke off in the middle of the video.") from exc


class ExactBody:
    """A body that must have exactly the declared length; raises `WrongLength`.

    boto3 treats a short read as the end of the body, so every read but the last is filled up.
    """

    def __init__(self, body: Readable, length: int) -> None:
        self._body = body
        self._left = length
        self._is_ended = False

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the declared end, where the body must end too."""
        wanted = self._left if size < 0 else min(size, self._left)
        pieces = []
        while wanted > 0:
            piece = self._body.read(wanted)
            if not piece:
                raise WrongLength(f"The body ended {self._left} bytes before its declared length.")
            pieces.append(piece)
            wanted -= len(piece)
            self._left -= len(piece)
        self._check_end()
        return b"".join(pieces)

    def _check_end(self) -> None:
        if self._left == 0 and not self._is_ended:
            self._is_ended = True
            if self._body.read(1):
                raise WrongLength("The body is longer than its declared length.")


def checked_stream(
    response: GetObjectOutputTypeDef, first: int, length: int, etag: str
) -> S3Stream:
    """Return the response's body if it is exactly the requested range.

    A store, or a proxy in front of it, that ignores Range or If-Match would otherwise pass off the
    start of the file, or another file, as the middle of this one.
    """
    fault = _fault_of(response, first, length, etag)
    if fault is not None:
        response["Body"].close()
        raise fault
    return S3Stream(response["Body"], length)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate boto3's errors into the store's."""
    try:
        yield
    except ClientError as exc:
        raise _error_for(exc.response.get("Error", {}).get("Code", "")) from exc
    except (BotoCoreError, HTTPClientError, Boto3Error) as exc:
        raise StoreUnavailable(
            f"The video store cannot be reached ({type(exc).__name__})."
        ) from exc


def _fault_of(
    response: GetObjectOutputTypeDef, first: int, length: int, etag: str
) -> ObjectChanged | StoreUnavailable | None:
    if response["ResponseMetadata"]["HTTPStatusCode"] != 206:
        return StoreUnavailable("The video store sent the whole video instead of a range.")
    spanned = _CONTENT_RANGE.fullmatch(response.get("ContentRange", ""))
    if spanned is None:
        return StoreUnavailable("The video store did not say which range it sent.")
    first_sent, last_sent, total = map(int, spanned.groups())
    if total < first + length or response["ETag"] != etag:
        return ObjectChanged("The video was replaced since it was inspected.")
    if (first_sent, last_sent) != (first, first + length - 1) or response[
        "ContentLength"
    ] != length:
        return StoreUnavailable("The video store sent another range than requested.")
    return None


def _error_for(code: str) -> ObjectMissing | ObjectChanged | StoreUnavailable:
    if code in _MISSING:
        return ObjectMissing("The video is not in the store.")
    if code in _CHANGED:
        return ObjectChanged("The video was replaced since it was inspected.")
    if code in _DENIED:
        return AccessDenied(f"The video store answered {code}.")
    named = code if code.isalnum() and len(code) <= 64 else "an error"
    return StoreUnavailable(f"The video store returned {named}.")
