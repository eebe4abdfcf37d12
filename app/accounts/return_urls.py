"""Where a browser may return to after a consent: only to URLs the operator allows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

REDIRECT_MAX = 2000


def may_return_to(target: str, allowed: Sequence[str]) -> bool:
    """Tell whether a target is one of the allowed URLs, or below one.

    URLs are compared component by component, as a browser parses them. Anything unusual, such as
    credentials or a backslash, is refused.
    """
    if len(target) > REDIRECT_MAX or any(ord(one) <= 0x20 or one in "\\\x7f" for one in target):
        return False
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not parts.hostname:
        return False
    if any(segment in (".", "..") for segment in parts.path.lower().replace("%2e", ".").split("/")):
        return False
    return any(_is_below(parts.scheme, parts.hostname, port, parts.path, one) for one in allowed)


def with_result(target: str, result: Mapping[str, str]) -> str:
    """Return the target with the result added to its query."""
    parts = urlsplit(target)
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in result
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, *result.items()])))


def _is_below(scheme: str, host: str, port: int | None, path: str, allowed: str) -> bool:
    base = urlsplit(allowed)
    if (scheme, host, port) != (base.scheme, base.hostname, base.port):
        return False
    folder = base.path.rstrip("/")
    return path == folder or path.startswith(f"{folder}/") or (not path and not folder)
