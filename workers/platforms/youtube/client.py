"""Calls to YouTube with one account's token; what is refused is raised in our words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers import transport
from workers.errors import PublishError
from workers.platforms.base import Api, Context
from workers.platforms.counting import Reader
from workers.platforms.youtube.refusals import refusal
from workers.transport import Response

logger = logging.getLogger(__name__)


class Client:
    """One account's way to the Data API, for the length of one call of the handler."""

    def __init__(self, api: Api, context: Context | Reader) -> None:
        self.api = api
        self._token = context.access.token
        self._budget = context.budget
        self._now = context.now

    def read(self, resource: str, **query: str) -> dict[str, Any]:
        """Return what `GET /youtube/v3/{resource}` answers; raises any `PublishError`."""
        url = f"{self.api.url}/youtube/v3/{resource}"
        self.spend_units(1)  # as every list
        answer = self.send("GET", url, params=query)
        body = answer.json_object()
        if answer.status != 200 or not isinstance(body.get("items"), list):
            raise self.refused(answer)
        return body

    def send(
        self,
        method: str,
        url: str,
        *,
        acts: bool = False,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Response:
        """Send a request with the account's token and return the answer, of any status."""
        signed = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        return transport.call(method, url, acts=acts, headers=signed, **kwargs)

    def refused(self, answer: Response, *, acts: bool = False) -> PublishError:
        """Return the error that an answer means, and log its code."""
        error = refusal(answer, self.now(), acts=acts)
        logger.info("youtube refused", extra={"status": answer.status, "code": error.code})
        return error

    def spend_units(self, amount: int) -> None:
        """Count what a call that is about to be made uses of the day's units; raises `RateLimited`.

        https://developers.google.com/youtube/v3/determine_quota_cost
        """
        self._budget.spend("units", amount)

    def spend_insert(self) -> None:
        """Count a session that is about to be opened: one of the application's daily uploads."""
        self._budget.spend("inserts")

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self._now()
