"""Client for TikTok's API, bound to one account's token for one handler call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers import transport
from workers.errors import PublishError
from workers.platforms.base import Api, Context
from workers.platforms.counting import ReadContext
from workers.platforms.fields import child, text
from workers.platforms.tiktok import refusals
from workers.transport import Response

logger = logging.getLogger(__name__)
#: Calls with a per-minute limit, with the names of these limits in `app.platforms`.
#: https://developers.tiktok.com/doc/tiktok-api-v2-rate-limit
COUNTED = {
    "post/publish/creator_info/query/": "creator_reads",
    "post/publish/video/init/": "inits",
    "post/publish/status/fetch/": "status_reads",
}


class Client:
    """Sends authorized requests, spends quota before each, and translates error responses."""

    def __init__(self, api: Api, context: Context | ReadContext) -> None:
        self.api = api
        self._token = context.access.token
        self._budget = context.budget
        self._now = context.now

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        fields: str = "",
        acts: bool = False,
    ) -> Mapping[str, Any]:
        """Return `data` of the response to `POST /v2/{path}`; raises any `PublishError`.

        Only `error.code` "ok" is a success: some refusals come with HTTP 200. `acts` marks the
        one call that may publish; what is not a clear refusal raises `OutcomeUnknown` then.
        https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
        """
        if path in COUNTED:
            self._budget.spend(COUNTED[path])
        response = transport.call(
            "POST",
            f"{self.api.url}/v2/{path}",
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json; charset=UTF-8",
            },
            params={"fields": fields} if fields else None,
            json=body,
            acts=acts,
        )
        envelope = response.json_object()
        data = child(envelope, "data")
        is_ok = text(child(envelope, "error"), "code") == refusals.OK
        if response.status != 200 or not is_ok or not data:
            raise self.api_error(response, acts=acts)
        return data

    def api_error(self, response: Response, *, acts: bool = False) -> PublishError:
        """Return the error that a response stands for, and log its code and `log_id`."""
        error = refusals.api_error(response, self.now(), acts=acts)
        log_id = text(child(response.json_object(), "error"), "log_id")
        logger.info(
            "tiktok refused",
            extra={"status": response.status, "code": error.code, "logId": log_id},
        )
        return error

    def now(self) -> datetime:
        """Return the current time, aware UTC."""
        return self._now()
