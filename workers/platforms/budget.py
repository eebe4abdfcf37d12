"""How a handler asks before it calls, and tells what the platform says about its limits."""

from __future__ import annotations

from typing import Protocol


class Budget(Protocol):
    """What a handler may ask of its platform, and what the platform says about that."""

    def spend(self, counts: str, amount: int = 1) -> None:
        """Count what the next request uses, by the names of `app.platforms`.

        Raises `RateLimited` where our own limits leave no room: the request is not to be made.
        """

    def hear_usage(self, account_percent: float, application_percent: float) -> None:
        """Report what the platform says is used of its limits on calls, in percent."""

    def hear_posts_max(self, maximum: int) -> None:
        """Report how many posts a day the platform says the account may have."""


class Unlimited:
    """The budget of who counts nothing: tools that look at one thing once."""

    def spend(self, counts: str, amount: int = 1) -> None:
        """Allow it."""

    def hear_usage(self, account_percent: float, application_percent: float) -> None:
        """Let it pass."""

    def hear_posts_max(self, maximum: int) -> None:
        """Let it pass."""
