"""Idempotent requests: the `Idempotency-Key` header."""

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
    """Return this request's key and the hash of its path and body; None without a key.

    The order of the body's members and its whitespace make no difference.
    """
    key = headers["idempotency_key"]
    if key is None:
        return None
    content = [request.path, read_json(request.get_data())]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return KeyedRequest(current_user(), key, hashlib.sha256(canonical.encode()).hexdigest())
