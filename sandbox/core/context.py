"""The call being served, as its handler and the journal see it."""

from dataclasses import dataclass, field
from typing import Any, cast

from flask import g

from sandbox.core.faults import Fault

CUT = "sandbox.cut"  # set in the WSGI environ: close the connection without an answer


@dataclass
class Call:
    """One call while it is served; `details` go into the journal."""

    name: str
    platform: str
    account: str | None
    started_at: str
    fault: Fault | None = None
    bytes_received: int = 0
    details: dict[str, Any] = field(default_factory=dict)


def current_call() -> Call:
    """Return the call being served."""
    return cast(Call, g.call)


def note(**details: Any) -> None:
    """Add details to the journal entry of the current call. Never a token."""
    current_call().details.update(details)
