"""Client for YouTube's Data API, bound to one account's token for one handler call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers import transport
from workers.errors import PublishError
from workers.platforms.base import Api, Context
from workers.platforms.counting import ReadContext
from workers.platforms.fields import text
from workers.platforms.youtube import refusals
from workers.transport import Response

logger = logging.getLogger(__name__)
#: How the `kind` of every list ends.
LIST_KIND = "ListResponse"


class Client:
    """Sends authorized requests, spends quota before each, and translates error responses."""

    def __init__(self, api: Api, context: Context | ReadContext) -> None:
        self.api = api
        self._token = context.access.token
        self._budget = context.budget
        self._now = context.now

    def get(self, resource: str, **query: str) -> dict[str, Any]:
        """Return the response to `GET /youtube/v3/{resource}`, a list, for one unit.

        Raises any `PublishError`.
        """
        url = f"{self.api.url}/youtube/v3/{resource}"
        self.spend_units(1)
        response = self.request("GET", url, params=query)
        body = response.json_object()
        if response.status != 200 or not _is_list(body):
            raise self.api_error(response)
        return body

    def request(
        self,
        method: str,
        url: str,
        *,
        acts: bool = False,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Response:
        """Send a request with the account's token; return the response, whatever its status."""
        authorized = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        return transport.call(method, url, acts=acts, headers=authorized, **kwargs)

    def api_error(self, response: Response, *, acts: bool = False) -> PublishError:
        """Return the error that a response stands for, and log its code."""
        error = refusals.api_error(response, self.now(), acts=acts)
        logger.info("youtube refused", extra={"status": response.status, "code": error.code})
        return error

    def spend_units(self, amount: int) -> None:
        """Spend units of the daily quota before a call; raises `RateLimited`.

        https://developers.google.com/youtube/v3/determine_quota_cost
        """
        self._budget.spend("units", amount)

    def spend_insert(self) -> None:
        """Spend one of the application's daily uploads before a `videos.insert` call.

        https://developers.google.com/youtube/v3/determine_quota_cost
        """
        self._budget.spend("inserts")

    def now(self) -> datetime:
        """Return the current time, aware UTC."""
        return self._now()


def _is_list(body: Mapping[str, Any]) -> bool:
    """Return whether a body is a list of `items`, which YouTube leaves out of some empty ones.

    https://developers.google.com/youtube/v3/docs/channels/list
    """
    if "items" in body:
        return isinstance(body["items"], list)
    return text(body, "kind").endswith(LIST_KIND) or "pageInfo" in body
