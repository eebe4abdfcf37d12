"""Checks the link of a post that a person says is live. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.faults import Faults
from app.platforms import PLATFORMS


def post_link_faults(platform: str, url: str | None) -> Faults:
    """Return what is wrong with a link to a post on `platform`; None is no link."""
    if url is None:
        return {}
    hosts = PLATFORMS[platform].post_hosts
    # With a user or a port, the host is not what a person takes it for.
    named = urlsplit(url).netloc.lower()
    if any(named == host or named.endswith(f".{host}") for host in hosts) and "@" not in named:
        return {}
    return {"url": [f"Must be a link to {' or '.join(hosts)}."]}
