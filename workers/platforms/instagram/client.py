"""Calls to the Graph API in the name of one account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from workers.platforms.base import Access, Api, Context
from workers.platforms.budget import Budget
from workers.platforms.counting import Reader
from workers.platforms.fields import Fields
from workers.platforms.instagram.refusals import FACEBOOK_LOGIN, failure
from workers.platforms.instagram.usage import BUSY_PERCENT, used_percents
from workers.transport import READ_SECONDS, call

INSTAGRAM_LOGIN = "instagram"


def login_type_of(access: Access) -> str:
    """Return the account's login flavour; accounts that name none came through Facebook."""
    return access.login_type or FACEBOOK_LOGIN


class Graph:
    """One account's side of the Graph API, for the length of one handler call.

    Both hosts take the token as a Bearer header, which keeps it out of logs of URLs.
    `is_busy` is True once an answer said that most of a call limit is used up.
    """

    def __init__(
        self, api: Api, access: Access, now: Callable[[], datetime], budget: Budget
    ) -> None:
        self.login_type = login_type_of(access)
        host = api.oauth_url if self.login_type == INSTAGRAM_LOGIN else api.url
        self._base = f"{host}/{api.version}"
        self._headers = {"Authorization": f"Bearer {access.token}"}
        self._now = now
        self._budget = budget
        self.is_busy = False

    @classmethod
    def of(cls, api: Api, context: Context | Reader) -> Graph:
        """Return the graph for a handler's call."""
        return cls(api, context.access, context.now, context.budget)

    def count_call(self) -> None:
        """Count a call ahead, which is then made with `is_counted`; raises `RateLimited` where
        there is no room for it."""
        self._budget.spend("calls")

    def get(self, path: str, **params: str | int) -> Fields:
        """Read an object; raises whatever its error stands for."""
        self.count_call()
        return self._call("GET", path, params=params)

    def post(
        self,
        path: str,
        fields: Mapping[str, str],
        *,
        acts: bool = False,
        read_seconds: float = READ_SECONDS,
        is_counted: bool = False,
    ) -> Fields:
        """Send a form; raises whatever its error stands for."""
        if not is_counted:
            self.count_call()
        return self._call("POST", path, acts=acts, read_seconds=read_seconds, data=dict(fields))

    def _call(
        self,
        method: str,
        path: str,
        *,
        acts: bool = False,
        read_seconds: float = READ_SECONDS,
        **kwargs: Any,
    ) -> Fields:
        answer = call(
            method,
            f"{self._base}/{path}",
            acts=acts,
            read_seconds=read_seconds,
            headers=self._headers,
            **kwargs,
        )
        account_percent, application_percent = used_percents(answer)
        self._budget.hear_usage(account_percent, application_percent)
        self.is_busy |= max(account_percent, application_percent) >= BUSY_PERCENT
        error = failure(answer, now=self._now(), login_type=self.login_type, acts=acts)
        if error is not None:
            raise error
        return answer.json_object()
