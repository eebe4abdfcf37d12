"""Where a token or a video may be sent: not to any address that an answer happens to name."""

from __future__ import annotations

from urllib.parse import urlsplit


def may_send_to(url: str, asked_url: str, *, domain: str = "") -> bool:
    """Say whether `url` is encrypted and below `domain`, or at the very host that was asked."""
    try:
        target, asked = urlsplit(url), urlsplit(asked_url)
        host = target.hostname or ""
    except ValueError:
        return False
    is_theirs = target.scheme == "https" and host.endswith(domain)
    is_asked = (target.scheme, target.netloc) == (asked.scheme, asked.netloc)
    return bool(host) and (is_theirs or is_asked)
