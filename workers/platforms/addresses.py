"""Guard against sending a token or a video to whatever address a response names."""

from __future__ import annotations

from urllib.parse import urlsplit


def may_send_to(url: str, asked_url: str, *, domain: str = "") -> bool:
    """Return whether `url` is https below `domain`, or has the same origin as `asked_url`."""
    try:
        target, asked = urlsplit(url), urlsplit(asked_url)
        host = target.hostname or ""
    except ValueError:
        return False
    is_theirs = target.scheme == "https" and host.endswith(domain)
    is_asked = (target.scheme, target.netloc) == (asked.scheme, asked.netloc)
    return bool(host) and (is_theirs or is_asked)
