"""The budget that a handler spends from before each call, and reports the platform's usage to."""

from __future__ import annotations

from typing import Protocol


class Budget(Protocol):
    """Our own limits on calls to a platform."""

    def spend(self, counts: str, amount: int = 1) -> None:
        """Reserve what the next request uses, under the names in `app.platforms`.

        Raises `RateLimited` when our limits leave no room; the request must not be made then.
        """

    def report_usage(self, account_percent: float, application_percent: float) -> None:
        """Report how much of its call limits the platform says is used, in percent."""

    def report_posts_max(self, maximum: int) -> None:
        """Report how many posts per day the platform says the account may publish."""


class Unlimited:
    """A budget that counts nothing."""

    def spend(self, counts: str, amount: int = 1) -> None:
        """Allow the request."""

    def report_usage(self, account_percent: float, application_percent: float) -> None:
        """Ignore the report."""

    def report_posts_max(self, maximum: int) -> None:
        """Ignore the report."""
