"""Keeping a job while a run works on it, and knowing when to stop."""

from __future__ import annotations

import logging
from types import TracebackType

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.publishing.claims import Claim
from app.publishing.errors import RunStopped, Superseded
from app.publishing.holding import RENEW_SECONDS, renew
from workers.background import Repeated

logger = logging.getLogger(__name__)


class StopFlag:
    """Whether this process was told to end: set by its signal handlers, read by all threads.

    No `threading.Event`, whose `set` takes a lock: a second signal in the middle of the first
    one's handler would wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask the runs to end."""
        self._is_set = True

    def clear(self) -> None:
        """Begin anew, in a process that was not told yet."""
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the runs are to end."""
        return self._is_set


#: Runs hand their job back at the next safe point after it is set.
stop_requested = StopFlag()


class Stopping(RunStopped):
    """Raised at a safe point after the process was told to end."""


class LeaseKeeper:
    """Renews a claim's lease from a thread of its own while the block runs.

    A thread, because the run itself may be waiting on a socket for a minute.
    """

    def __init__(self, app: Flask, claim: Claim) -> None:
        self._app = app
        self._claim = claim
        self._lost = False
        self._renewals = Repeated("lease", RENEW_SECONDS, self._renew)

    def __enter__(self) -> LeaseKeeper:
        self._renewals.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._renewals.__exit__(kind, error, traceback)

    def check(self) -> None:
        """Raise `Superseded` when the lease is lost, `Stopping` when the process must end."""
        if self._lost:
            raise Superseded(self._claim.job_id)
        if stop_requested.is_set():
            raise Stopping(self._claim.job_id)

    def _renew(self) -> bool:
        try:
            with self._app.app_context():
                self._lost = not renew(self._claim, utcnow())
        except SQLAlchemyError as exc:
            # The lease outlives two failed renewals; every write checks it anyway.
            logger.warning("lease not renewed: %s", type(exc).__name__)
        return not self._lost
