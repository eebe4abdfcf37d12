"""Calls to servers on this machine."""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter


def loopback_session() -> requests.Session:
    """Return a session without retries that ignores the environment's proxy, which cannot reach
    this machine."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(max_retries=0))
    return session
