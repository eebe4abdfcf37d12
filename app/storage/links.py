"""Capability links to this service: signed with HMAC, and expiring. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from app.storage.base import UploadGrant
from app.storage.errors import InvalidLink

_TOKEN_MAX_CHARACTERS = 4096


class LinkSigner:
    """Signs and verifies the tokens in links; each kind of link has its own purpose.

    The first key signs and every key verifies, so that keys can be rotated while links are live.
    """

    def __init__(self, signing_keys: Sequence[str]) -> None:
        if not signing_keys or not all(signing_keys):
            raise ValueError("links need a signing key")
        self._signing_keys = [key.encode() for key in signing_keys]

    def sign_download(self, key: str, expires_at: datetime) -> str:
        """Return a token that grants reading one object until `expires_at`."""
        return self._sign("download", {"key": key, "exp": int(expires_at.timestamp())})

    def verify_download(self, token: str, now: datetime) -> str:
        """Return the key that a download token grants; raises `InvalidLink`."""
        return str(self._verify("download", token, now)["key"])

    def sign_upload(self, grant: UploadGrant) -> str:
        """Return a token that grants uploading the object of `grant`."""
        fields = {
            "key": grant.key,
            "type": grant.content_type,
            "size": grant.size_bytes,
            "exp": int(grant.expires_at.timestamp()),
        }
        return self._sign("upload", fields)

    def verify_upload(self, token: str, now: datetime) -> UploadGrant:
        """Return what an upload token grants; raises `InvalidLink`."""
        fields = self._verify("upload", token, now)
        expires_at = datetime.fromtimestamp(fields["exp"], timezone.utc)
        return UploadGrant(fields["key"], fields["type"], fields["size"], expires_at)

    def _sign(self, purpose: str, fields: dict[str, Any]) -> str:
        payload = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        return f"{_encode(payload)}.{_encode(_mac(self._signing_keys[0], purpose, payload))}"

    def _verify(self, purpose: str, token: str, now: datetime) -> dict[str, Any]:
        payload_text, _, mac_text = token.partition(".")
        try:
            if len(token) > _TOKEN_MAX_CHARACTERS:
                raise ValueError("too long")
            payload, mac = _decode(payload_text), _decode(mac_text)
        except ValueError as exc:
            raise InvalidLink("The link was not issued by this service.") from exc
        known = [_mac(key, purpose, payload) for key in self._signing_keys]
        if not any([hmac.compare_digest(mac, one) for one in known]):
            raise InvalidLink("The link was not issued by this service.")
        fields: dict[str, Any] = json.loads(payload)
        if now.timestamp() >= fields["exp"]:
            raise InvalidLink("The link has expired.")
        return fields


def _mac(key: bytes, purpose: str, payload: bytes) -> bytes:
    # The purpose is signed too, so that a download token never passes for an upload token.
    message = b"video-link:" + purpose.encode() + b":" + payload
    return hmac.new(key, message, hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
