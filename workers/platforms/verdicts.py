"""How a platform's error table is written: what each of its codes means to us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workers.errors import AccountRefused, PublishError, RateLimited, RequestRefused


@dataclass(frozen=True)
class Verdict:
    """One line of a platform's error table: what a code means to us.

    `error` is the class to raise; `hint` what the user can do; `wait_seconds` for `RateLimited`
    where the platform names no time; the flags go to the error of the same name.
    """

    error: type[PublishError]
    hint: str = ""
    wait_seconds: int = 0
    application_wide: bool = False
    blocks_reads: bool = False
    reconnect: bool = False
    pause_seconds: int = 0

    def error_for(
        self, code: str, detail: str, *, retry_at: datetime | None = None
    ) -> PublishError:
        """Return the error to raise. A `RateLimited` one needs `retry_at`."""
        if issubclass(self.error, RateLimited):
            assert retry_at is not None
            return self.error(
                code,
                detail,
                retry_at=retry_at,
                application_wide=self.application_wide,
                blocks_reads=self.blocks_reads,
                hint=self.hint,
            )
        if issubclass(self.error, AccountRefused):
            return self.error(
                code,
                detail,
                hint=self.hint,
                reconnect=self.reconnect,
                pause_seconds=self.pause_seconds,
            )
        if issubclass(self.error, RequestRefused):
            return self.error(code, detail, hint=self.hint, application_wide=self.application_wide)
        return self.error(code, detail, hint=self.hint)
