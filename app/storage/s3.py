"""The store for production: a bucket of R2 or any other S3-compatible service.

The only module that makes boto3 clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from app.clock import utcnow
from app.storage.base import (
    Readable,
    SignedUpload,
    Storage,
    StoredObject,
    Stream,
    checked_expiry,
    checked_range,
)
from app.storage.errors import ObjectMissing, StoreUnavailable
from app.storage.keys import checked_key, content_type_of
from app.storage.s3_sending import Sender
from app.storage.s3_streams import AccessDenied, ExactBody, checked_stream, translate_errors

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# One part is in memory at a time. S3 accepts 10,000 parts, so this suffices for 80 GB.
_TRANSFER = TransferConfig(
    multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024, use_threads=False
)
_NAMED_REGION = re.compile(r"^s3[.-](?:[a-z]+\.)?([a-z]{2}(?:-[a-z]+)+-\d{1,3})\.")


@dataclass(frozen=True)
class Bucket:
    """A bucket's location, credentials and timeouts.

    The service may be silent for `read_seconds`, and each read of a body must complete within
    `piece_seconds`.
    """

    endpoint_url: str
    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    piece_seconds: float = 30.0
    tries: int = 3

    @property
    def region(self) -> str:
        """The signing region: the one in the host name, `auto` for R2, else `us-east-1`.

        https://developers.cloudflare.com/r2/api/s3/api/ (bucket region)
        """
        host = urlsplit(self.endpoint_url).hostname or ""
        named = _NAMED_REGION.match(host)
        if named:
            return named.group(1)
        return "auto" if host.endswith(".r2.cloudflarestorage.com") else "us-east-1"


@cache
def _service_models() -> Loader:
    """Return the loader of boto3's service models: parsing them dominates a client's cost."""
    return create_loader()


class S3Storage(Storage):
    """Stores objects in a bucket; reads by HTTP Range, guarded by If-Match."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        # Thread-safe and fork-safe: it holds no connections of its own.
        self._client = self._new_client()

    @property
    def has_public_links(self) -> bool:
        return urlsplit(self._bucket.endpoint_url).scheme == "https"

    def stat(self, key: str) -> StoredObject:
        checked_key(key)
        try:
            with translate_errors():
                head = self._client.head_object(Bucket=self._bucket.name, Key=key)
        except ObjectMissing:
            self._require_bucket()
            raise
        return StoredObject(head["ContentLength"], head["ETag"], head.get("ContentType", ""))

    def open(self, key: str, first: int, length: int, etag: str) -> Stream:
        checked_key(key)
        checked_range(first, length)
        span = f"bytes={first}-{first + length - 1}"
        with translate_errors():
            response = self._client.get_object(
                Bucket=self._bucket.name, Key=key, Range=span, IfMatch=etag
            )
        return checked_stream(response, first, length, etag)

    def write(self, key: str, body: Readable, length: int) -> StoredObject:
        checked_key(key)
        with translate_errors():
            self._client.upload_fileobj(
                cast(IO[bytes], ExactBody(body, length)),
                self._bucket.name,
                key,
                ExtraArgs={"ContentType": content_type_of(key)},
                Config=_TRANSFER,
            )
        return self.stat(key)

    def delete(self, key: str) -> None:
        checked_key(key)
        try:
            with translate_errors():
                self._client.delete_object(Bucket=self._bucket.name, Key=key)
        except ObjectMissing:
            return  # S3 itself never reports this; some compatible services do

    def signed_get_url(self, key: str, expires_seconds: int, *, content_type: str = "") -> str:
        params = {"Bucket": self._bucket.name, "Key": checked_key(key)}
        if content_type:
            params["ResponseContentType"] = content_type
        with translate_errors():
            return self._client.generate_presigned_url(
                "get_object", Params=params, ExpiresIn=checked_expiry(expires_seconds)
            )

    def signed_put(
        self, key: str, content_type: str, size_bytes: int, expires_seconds: int
    ) -> SignedUpload:
        expires_at = utcnow() + timedelta(seconds=checked_expiry(expires_seconds))
        params = {
            "Bucket": self._bucket.name,
            "Key": checked_key(key),
            "ContentType": content_type,
            "ContentLength": size_bytes,
        }
        with translate_errors():
            url = self._client.generate_presigned_url(
                "put_object", Params=params, ExpiresIn=expires_seconds
            )
        return SignedUpload(url, "PUT", {"Content-Type": content_type}, expires_at)

    def _require_bucket(self) -> None:
        """Raise `StoreUnavailable` where the bucket is missing: S3 reports a missing object alike.

        A process with a wrong setting would call every video missing, and fail its posts.
        """
        try:
            with translate_errors():
                self._client.head_bucket(Bucket=self._bucket.name)
        except ObjectMissing as exc:
            raise StoreUnavailable("The video store has no bucket of that name.") from exc
        except AccessDenied:
            return  # a key limited to objects: the 404 of the object is all it can know

    def _new_client(self) -> S3Client:
        # Not boto3's default session, which is not thread-safe.
        core = botocore.session.Session()
        core.register_component("data_loader", _service_models())
        session = boto3.session.Session(
            botocore_session=core,
            aws_access_key_id=self._bucket.access_key_id,
            aws_secret_access_key=self._bucket.secret_access_key,
            region_name=self._bucket.region,
        )
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},  # works with every endpoint and bucket name
            retries={"mode": "standard", "total_max_attempts": self._bucket.tries},
            # R2 and others do not support the checksums that boto3 now adds by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Parameters are typed and validated already; validating again costs time per call.
            parameter_validation=False,
        )
        client = session.client("s3", endpoint_url=self._bucket.endpoint_url, config=config)
        bundle: str | None = core.get_config_variable("ca_bundle")  # AWS_CA_BUNDLE
        sender = Sender(
            connect_seconds=self._bucket.connect_seconds,
            read_seconds=self._bucket.read_seconds,
            piece_seconds=self._bucket.piece_seconds,
            authorities=bundle,
        )
        client.meta.events.register("before-send.s3", cast(Callable[..., None], sender))
        return client
