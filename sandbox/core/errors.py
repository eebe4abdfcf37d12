"""Errors described as data, so that a contract test can iterate over all of them.

Refusal   the platform refuses the call, with a code from its table
BodyCut   the connection ended, or is to be closed, before the call was answered
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ErrorSpec:
    """One row of a platform's error table: code, HTTP status, and the calls that may return it.

    `status_by_call` holds exceptions to `status`: TikTok refuses some reads with HTTP 200.
    """

    code: str
    status: int
    calls: tuple[str, ...]
    message: str = ""
    status_by_call: Mapping[str, int] = field(default_factory=dict)

    def status_for(self, call: str) -> int:
        """Return the HTTP status of this error for `call`."""
        return self.status_by_call.get(call, self.status)

    def to_json(self) -> dict[str, Any]:
        """Return the row as the control API lists it."""
        return {
            "code": self.code,
            "message": self.message,
            "calls": list(self.calls),
            "statuses": {call: self.status_for(call) for call in self.calls},
        }


@dataclass(frozen=True)
class FailReason:
    """A reason why processing fails after the upload."""

    code: str
    message: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the reason as the control API lists it."""
        return {"code": self.code, "message": self.message}


class Refusal(Exception):
    """Raised to refuse a call with `code` from the platform's error table."""

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
    """Raised to close the connection without a response."""


def table(*specs: ErrorSpec) -> dict[str, ErrorSpec]:
    """Return the specs by code. Raises ValueError for a duplicate."""
    by_code = {spec.code: spec for spec in specs}
    if len(by_code) != len(specs):
        raise ValueError("an error code is listed twice")
    return by_code
