"""How errors are described as data, so that a contract test can walk through all of them.

Refusal   the platform says no: a code out of that platform's table
BodyCut   the connection ended, or is to be ended, before the call was answered
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ErrorSpec:
    """One line of a platform's error table: its code, HTTP status and the calls it may answer.

    `status_by_call` holds exceptions to `status`: TikTok refuses some reads with HTTP 200.
    """

    code: str
    status: int
    calls: tuple[str, ...]
    message: str = ""
    status_by_call: Mapping[str, int] = field(default_factory=dict)

    def status_for(self, call: str) -> int:
        """Return the HTTP status with which `call` is refused."""
        return self.status_by_call.get(call, self.status)

    def to_json(self) -> dict[str, Any]:
        """Return the line as the control API lists it."""
        return {
            "code": self.code,
            "message": self.message,
            "calls": list(self.calls),
            "statuses": {call: self.status_for(call) for call in self.calls},
        }


@dataclass(frozen=True)
class FailReason:
    """A way in which processing fails after the bytes were taken."""

    code: str
    message: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the reason as the control API lists it."""
        return {"code": self.code, "message": self.message}


class Refusal(Exception):
    """The platform refuses the call with `code` of its error table."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


class BodyCut(Exception):
    """The connection is to be closed without an answer."""


def table(*specs: ErrorSpec) -> dict[str, ErrorSpec]:
    """Return the specs by code; a code may be listed once."""
    by_code = {spec.code: spec for spec in specs}
    if len(by_code) != len(specs):
        raise ValueError("an error code is listed twice")
    return by_code
