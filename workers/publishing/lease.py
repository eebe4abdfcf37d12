"""The lease of the job that a run executes, and its renewal."""

from __future__ import annotations

import logging

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.causes import why
from app.clock import utcnow
from app.publishing.claims import Claim
from app.publishing.leased import RENEW_SECONDS, renew
from app.run_stops import Superseded
from workers.periodic_thread import PeriodicThread
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)


class JobLease(PeriodicThread):
    """Renews a claim's lease in the background while the block runs.

    In a thread, because the run itself may wait on a socket for a minute.
    """

    def __init__(self, app: Flask, claim: Claim) -> None:
        self._app = app
        self._claim = claim
        self._lost = False
        super().__init__("lease", RENEW_SECONDS, self._renew)

    def check(self) -> None:
        """Raise `Superseded` if the lease is lost, `Stopping` if the process must stop."""
        if self._lost:
            raise Superseded(self._claim.job_id)
        if stop_requested.is_set():
            raise Stopping(self._claim.job_id)

    def _renew(self) -> bool:
        try:
            with self._app.app_context():
                self._lost = not renew(self._claim, utcnow())
        except SQLAlchemyError as exc:
            # The lease outlives three failed renewals in a row, and every write checks it anyway.
            logger.warning("lease not renewed: %s", why(exc))
        return not self._lost
