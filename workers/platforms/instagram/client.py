"""Client for the Graph API, bound to one account's token for one handler call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.platforms.base import Api, Context
from workers.platforms.counting import ReadContext
from workers.platforms.fields import Fields
from workers.platforms.instagram.logins import INSTAGRAM_LOGIN, login_type_of
from workers.platforms.instagram.refusals import api_error
from workers.platforms.instagram.usage import BUSY_PERCENT, used_percents
from workers.transport import READ_SECONDS, call


class Client:
    """Sends authorized requests, spends quota before each, and translates error responses.

    Both hosts accept the token as a Bearer header, which keeps it out of URL logs. `is_busy`
    becomes True once a response reports that most of a call limit is used.
    """

    def __init__(self, api: Api, context: Context | ReadContext) -> None:
        self.api = api
        self.login_type = login_type_of(context.access)
        host = api.oauth_url if self.login_type == INSTAGRAM_LOGIN else api.url
        self._base = f"{host}/{api.version}"
        self._headers = {"Authorization": f"Bearer {context.access.token}"}
        self._now = context.now
        self._budget = context.budget
        self.is_busy = False

    def spend_call(self) -> None:
        """Spend one of the account's calls; raises `RateLimited` if none is left.

        `get` and `post` do it themselves, except for a `post` that `is_spent`.
        """
        self._budget.spend("calls")

    def get(self, path: str, **params: str | int) -> Fields:
        """Read an object; raises any `PublishError`."""
        self.spend_call()
        return self._call("GET", path, params=params)

    def post(
        self,
        path: str,
        form: Mapping[str, str],
        *,
        acts: bool = False,
        read_seconds: float = READ_SECONDS,
        is_spent: bool = False,
    ) -> Fields:
        """Send a form; raises any `PublishError`.

        `acts` marks the one call that may publish; what is not a clear refusal raises
        `OutcomeUnknown` then.
        """
        if not is_spent:
            self.spend_call()
        return self._call("POST", path, acts=acts, read_seconds=read_seconds, data=dict(form))

    def _call(
        self,
        method: str,
        path: str,
        *,
        acts: bool = False,
        read_seconds: float = READ_SECONDS,
        **kwargs: Any,
    ) -> Fields:
        response = call(
            method,
            f"{self._base}/{path}",
            acts=acts,
            read_seconds=read_seconds,
            headers=self._headers,
            **kwargs,
        )
        account_percent, application_percent = used_percents(response)
        self._budget.report_usage(account_percent, application_percent)
        self.is_busy |= max(account_percent, application_percent) >= BUSY_PERCENT
        error = api_error(response, self._now(), login_type=self.login_type, acts=acts)
        if error is not None:
            raise error
        return response.json_object()
