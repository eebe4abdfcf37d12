"""The part of a handler that turns a user's consent into tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Grant:
    """What the platform's consent page answered. `verifier` is PKCE's, where there is one."""

    code: str = field(repr=False)
    redirect_uri: str
    login_type: str
    verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Opened:
    """An account that a consent opened."""

    access_token: str = field(repr=False)
    platform_user_id: str
    username: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)


class Connecting(ABC):
    """Exchanges a consent's code."""

    @abstractmethod
    def connect(self, grant: Grant) -> Sequence[Opened]:
        """Return the accounts that the consent opened, one at least.

        A code is good once: called again with the same one, it raises `RequestRefused`. Raises
        any `PublishError`, and `AccountRefused` where the consent opened no account.
        """
