"""The lease on a rendition while it is transcoded, and the reasons to stop early."""

from __future__ import annotations

import logging
import time

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.causes import why
from app.clock import utcnow
from app.renditions.claims import LEASE_SECONDS, RenditionClaim, is_wanted, renew
from app.run_stops import CancelRequested, Superseded
from workers.periodic_thread import PeriodicThread
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)
#: How soon the cancellation of the last waiting job is noticed.
POLL_SECONDS = 1.0
RENEW_SECONDS = LEASE_SECONDS / 3


class RenditionLease(PeriodicThread):
    """Renews a claim's lease from a background thread, and polls whether any job still waits."""

    def __init__(self, app: Flask, claim: RenditionClaim) -> None:
        self._app = app
        self._claim = claim
        self._is_lost = False
        self._is_wanted = True
        self._renewed_at = time.monotonic()
        super().__init__("rendition", POLL_SECONDS, self._poll)

    def __enter__(self) -> RenditionLease:
        self._poll()  # do not start what no job waits for any more
        return super().__enter__()

    def check(self) -> None:
        """Raise `Superseded`, `Stopping` or `CancelRequested` when the work must stop."""
        if self._is_lost:
            raise Superseded(self._claim.rendition_id)
        if stop_requested.is_set():
            raise Stopping(self._claim.rendition_id)
        if not self._is_wanted:
            raise CancelRequested(self._claim.rendition_id)

    def _poll(self) -> bool:
        try:
            with self._app.app_context():
                self._is_wanted = is_wanted(self._claim)
                if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
                    self._is_lost = not renew(self._claim, utcnow())
                    self._renewed_at = time.monotonic()
        except SQLAlchemyError as exc:
            # The lease outlasts two failed renewals, and every write checks it anyway.
            logger.warning("rendition lease not renewed: %s", why(exc))
        return not self._is_lost and self._is_wanted
