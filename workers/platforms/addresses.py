"""Guard against sending a token or a video to whatever address a response names."""

from __future__ import annotations

from urllib.parse import urlsplit


def may_send_to(url: str, asked_url: str, *, below: str | None) -> bool:
    """Return whether `url` is https on a host below a domain, or has the origin of `asked_url`.

    `below`: `.example.com`; None: any host, of a platform that documents none.
    """
    try:
        target, asked = urlsplit(url), urlsplit(asked_url)
        host = target.hostname or ""
    except ValueError:
        return False
    is_theirs = target.scheme == "https" and (below is None or host.endswith(below))
    is_asked = (target.scheme, target.netloc) == (asked.scheme, asked.netloc)
    return bool(host) and (is_theirs or is_asked)
