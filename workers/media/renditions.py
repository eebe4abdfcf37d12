"""The RQ functions for renditions: transcode what is due, and record the outcome."""

from __future__ import annotations

import logging

from app.causes import why
from app.clock import utcnow
from app.config import current_config
from app.database.engine import AWAY, is_database_away
from app.extensions import running_app
from app.renditions import outcomes
from app.renditions.claims import RenditionClaim, claim_next, key_of
from app.run_stops import CancelRequested, RunStopped, Superseded
from app.storage import current_storage
from app.storage.errors import StorageError
from workers.media.failures import failure_of, rendition_lost_workers
from workers.media.ffmpeg import NoFfmpeg
from workers.media.lease import RenditionLease
from workers.media.running import FfmpegFailed
from workers.media.transcoding import transcode
from workers.media.workspace import DiskBusy, DiskFull, DiskTooSmall, sweep
from workers.publishing.failures import internal
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)
#: Attempts that may fail transiently, and workers that may be lost on one file.
FAILURES_MAX = 2
LOST_RUNS_MAX = 2
RETRY_SECONDS = 15.0


def transcode_due() -> None:
    """Transcode every rendition that is due. Idempotent: safe to call at any time."""
    while not stop_requested.is_set():
        claim = claim_next(utcnow())
        if claim is None:
            return
        _process(claim)


def tidy() -> None:
    """Remove what crashed transcodes left on this machine's disk."""
    sweep(current_config().encode_dir)


def _process(claim: RenditionClaim) -> None:
    try:
        _attempt(claim)
    except RunStopped as stopped:
        _stop(claim, stopped)
    except Exception as bug:
        if is_database_away(bug):
            raise  # nothing can be recorded: the lease expires, and the row is due again
        _fail_internal(claim, bug)
        raise


def _attempt(claim: RenditionClaim) -> None:
    if claim.lost_runs > LOST_RUNS_MAX:
        outcomes.fail(claim, rendition_lost_workers(claim.lost_runs), utcnow())
        return
    try:
        if claim.lost_runs:  # the lost worker may have stored a result
            current_storage().delete(key_of(claim.rendition_id, claim.run - 1, claim.recipe))
        with RenditionLease(running_app(), claim) as lease:
            _transcode(claim, lease)
    except DiskBusy:  # space is freed as this machine's other transcodes end
        outcomes.retry_later(claim, RETRY_SECONDS, utcnow(), failures=claim.failures)
    except (FfmpegFailed, StorageError, DiskFull, DiskTooSmall, NoFfmpeg) as error:
        _record_failure(claim, error)


def _transcode(claim: RenditionClaim, lease: RenditionLease) -> None:
    shown = 0

    def show(share: float) -> None:
        nonlocal shown
        percent = int(share * 100)
        if percent >= shown + 5:
            shown = percent
            _show_progress(claim, percent)

    started_at = utcnow()
    stored, facts = transcode(
        claim, current_storage(), current_config(), check=lease.check, progress=show
    )
    try:
        outcomes.record_ready(claim, stored, facts, utcnow())
    except Superseded:
        current_storage().delete(claim.key)
        raise
    seconds = (utcnow() - started_at).total_seconds()
    logger.info("rendition ready", extra={"renditionId": claim.rendition_id, "seconds": seconds})


def _show_progress(claim: RenditionClaim, percent: int) -> None:
    try:
        outcomes.show_progress(claim, percent)
    except AWAY as exc:  # never stall ffmpeg for the database: the next update is close
        logger.warning("progress not stored: %s", why(exc))


def _stop(claim: RenditionClaim, stopped: RunStopped) -> None:
    try:
        if isinstance(stopped, Stopping):
            outcomes.hand_back(claim, utcnow())
        elif isinstance(stopped, CancelRequested):
            outcomes.park(claim)
        else:
            raise stopped
    except Superseded:
        # The lease was lost meanwhile: the row belongs to its new holder.
        logger.warning("rendition superseded", extra={"renditionId": claim.rendition_id})


def _record_failure(claim: RenditionClaim, error: Exception) -> None:
    """Fail the rendition, or schedule a retry."""
    logger.warning(
        "transcode failed",
        extra={"renditionId": claim.rendition_id, "error": type(error).__name__},
    )
    failure, is_permanent = failure_of(error)
    if is_permanent or claim.failures + 1 >= FAILURES_MAX:
        outcomes.fail(claim, failure, utcnow())
    else:
        outcomes.retry_later(claim, RETRY_SECONDS, utcnow(), failures=claim.failures + 1)


def _fail_internal(claim: RenditionClaim, bug: Exception) -> None:
    logger.exception("bug in a transcode")
    try:
        outcomes.fail(claim, internal(bug), utcnow())
    except Superseded:
        logger.warning("rendition superseded", extra={"renditionId": claim.rendition_id})
