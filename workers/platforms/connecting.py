"""The part of the handler contract that turns a user's consent into tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Grant:
    """An authorization code from the platform's consent page.

    `verifier` is the PKCE code verifier, None where the platform's flow uses no PKCE.
    """

    code: str = field(repr=False)
    redirect_uri: str
    login_type: str
    verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ConnectedAccount:
    """An account that a consent gave access to. `expires_at` is aware UTC; None: no expiry."""

    access_token: str = field(repr=False)
    platform_user_id: str
    username: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)


class Connecting(ABC):
    """Exchanges authorization codes for accounts."""

    @abstractmethod
    def connect(self, grant: Grant) -> Sequence[ConnectedAccount]:
        """Exchange an authorization code; return at least one account.

        A code works once: called again with the same one, this raises `RequestRefused`. Raises
        any `PublishError`, and `AccountRefused` if the consent gave access to no account.
        """
