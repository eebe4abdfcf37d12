"""Requests that are safe to send again: the `Idempotency-Key` header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import request

from app.api.auth import current_user
from app.api.json_bodies import read_json
from app.publishing.create import KeyedRequest


def keyed_request(headers: Mapping[str, Any]) -> KeyedRequest | None:
    """Return the key of this request and the hash of what it asks for, if it has a key.

    The order of a body's members and the space between them make no difference.
    """
    key = headers["idempotency_key"]
    if key is None:
        return None
    asked = [request.path, read_json(request.get_data())]
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return KeyedRequest(current_user(), key, hashlib.sha256(canonical.encode()).hexdigest())
