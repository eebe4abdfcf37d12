"""Calls to TikTok's API with one account's token; what is refused is raised in our words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workers import transport
from workers.errors import OutcomeUnknown, PublishError, Transient
from workers.platforms.base import Api, Context
from workers.platforms.counting import Reader
from workers.platforms.fields import child, text
from workers.platforms.tiktok.refusals import OK, refusal
from workers.transport import Response

logger = logging.getLogger(__name__)
#: Calls whose number a minute is limited, by the names of `app.platforms`.
#: https://developers.tiktok.com/doc/tiktok-api-v2-rate-limit
COUNTED = {
    "post/publish/creator_info/query/": "creator_reads",
    "post/publish/video/init/": "inits",
    "post/publish/status/fetch/": "status_reads",
}


class Client:
    """One account's way to the API, for the length of one call of the handler."""

    def __init__(self, api: Api, context: Context | Reader) -> None:
        self.api = api
        self._token = context.access.token
        self._budget = context.budget
        self._now = context.now

    def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        fields: str = "",
        acts: bool = False,
    ) -> Mapping[str, Any]:
        """Return `data` of the answer to `POST /v2/{path}`; raises any `PublishError`.

        Success is `error.code` "ok" and nothing else: some refusals come with HTTP 200. With
        `acts`, for the one call that may publish, what is no clear refusal is `OutcomeUnknown`.
        https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
        """
        if path in COUNTED:
            self._budget.spend(COUNTED[path])
        answer = transport.call(
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
        envelope = answer.json_object()
        data = child(envelope, "data")
        is_ok = text(child(envelope, "error"), "code") == OK
        if answer.status != 200 or not is_ok or not data:
            error = self._refused(answer)
            raise OutcomeUnknown(error.code, error.detail) if acts and _is_vague(error) else error
        return data

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self._now()

    def _refused(self, answer: Response) -> PublishError:
        error = refusal(answer, self.now())
        log_id = text(child(answer.json_object(), "error"), "log_id")
        logger.info(
            "tiktok refused",
            extra={"status": answer.status, "code": error.code, "logId": log_id},
        )
        return error


def _is_vague(error: PublishError) -> bool:
    """Tell whether the call may have been carried out all the same."""
    return isinstance(error, Transient)
