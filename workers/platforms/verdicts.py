"""The entry type of the platforms' error tables: what a code means to us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workers.errors import AccountRefused, PublishError, RateLimited, RequestRefused

#: How much of a platform's own code an error keeps.
CODE_MAX_CHARS = 100


@dataclass(frozen=True)
class Verdict:
    """What one error code of a platform means to us.

    `error` is the class to raise, `hint` what the user can do, and `reason` what happened, as a
    sentence for the user; empty where only the code tells. `wait_seconds` is the delay of a
    `RateLimited` for which the platform names no time. The other fields are passed to the
    attribute of the same name on the error.
    """

    error: type[PublishError]
    hint: str = ""
    reason: str = ""
    wait_seconds: int = 0
    application_wide: bool = False
    blocks_reads: bool = False
    reconnect: bool = False
    pause_seconds: int = 0

    def error_for(
        self, code: str, detail: str, *, retry_at: datetime | None = None
    ) -> PublishError:
        """Return the error to raise. `RateLimited` requires `retry_at` (aware UTC)."""
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
