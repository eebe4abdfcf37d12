"""The call being served, as its handler and the journal see it."""

import threading
from dataclasses import dataclass, field
from typing import Any, cast

from flask import g

from sandbox.core.errors import BodyCut
from sandbox.core.faults import Fault

CUT = "sandbox.cut"  # set in the WSGI environ: close the connection without an answer


@dataclass
class Call:
    """One call while it is served; `details` go into the journal.

    `over` is set when a reset or a stop ends what the call works on.
    """

    name: str
    platform: str
    account: str | None
    started_at: str
    over: threading.Event
    fault: Fault | None = None
    bytes_received: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        """Wait. Raises BodyCut at a reset or a stop."""
        self.over.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise BodyCut after a reset or a stop."""
        if self.over.is_set():
            raise BodyCut("reset")


def current_call() -> Call:
    """Return the call being served."""
    return cast(Call, g.call)


def note(**details: Any) -> None:
    """Add details to the journal entry of the current call. Never a token."""
    current_call().details.update(details)
