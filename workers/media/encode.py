"""The RQ function for conversions: make what is due to be made, and write down how it went."""

from __future__ import annotations

import logging

from flask import Flask, current_app
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.clock import utcnow
from app.config import current_config
from app.database.engine import AWAY
from app.renditions import outcomes
from app.renditions.claims import RenditionClaim, claim_next, key_of
from app.runs import CancelRequested, RunStopped, Superseded
from app.storage import current_storage
from app.storage.errors import StorageError
from workers.media.blame import judged, workers_lost
from workers.media.ffmpeg import NoFfmpeg
from workers.media.keeping import RenditionKeeper
from workers.media.running import FfmpegFailed
from workers.media.transcoding import make
from workers.media.workspace import DiskBusy, DiskFull, DiskTooSmall, sweep
from workers.publishing.failures import internal
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)
#: Tries that may fail for a reason that may pass, and workers that may be lost at one file.
FAILURES_MAX = 2
LOST_RUNS_MAX = 2
PAUSE_SECONDS = 15.0


def encode_due() -> None:
    """Make every rendition that is due; a run's function, safe at any time."""
    while not stop_requested.is_set():
        claim = claim_next(utcnow())
        if claim is None:
            return
        _encode(claim)


def tidy() -> None:
    """Remove what conversions that were lost have left on this machine's disk."""
    sweep(current_config().encode_dir)


def _encode(claim: RenditionClaim) -> None:
    try:
        _work(claim)
    except RunStopped as stopped:
        _stop(claim, stopped)
    except Exception as bug:
        if isinstance(bug, SQLAlchemyError) and not isinstance(bug, (DataError, IntegrityError)):
            # With the database away nothing can be written: the lease ends, the row is due again.
            raise
        _fail_internal(claim, bug)
        raise


def _work(claim: RenditionClaim) -> None:
    if claim.lost_runs > LOST_RUNS_MAX:
        outcomes.fail(claim, workers_lost(claim.lost_runs), utcnow())
        return
    try:
        if claim.lost_runs:  # what the lost one may have stored
            current_storage().delete(key_of(claim.rendition_id, claim.run - 1, claim.recipe))
        with RenditionKeeper(_app(), claim) as keeper:
            _make(claim, keeper)
    except DiskBusy:  # as others of this machine end, there will be room
        outcomes.put_off(claim, PAUSE_SECONDS, utcnow(), failures=claim.failures)
    except (FfmpegFailed, StorageError, DiskFull, DiskTooSmall, NoFfmpeg) as error:
        _settle(claim, error)


def _make(claim: RenditionClaim, keeper: RenditionKeeper) -> None:
    shown = 0

    def show(share: float) -> None:
        nonlocal shown
        percent = int(share * 100)
        if percent >= shown + 5:
            shown = percent
            _show_progress(claim, percent)

    began = utcnow()
    stored, facts = make(
        claim, current_storage(), current_config(), check=keeper.check, progress=show
    )
    try:
        outcomes.ready(claim, stored, facts, utcnow())
    except Superseded:
        current_storage().delete(claim.key)
        raise
    seconds = (utcnow() - began).total_seconds()
    logger.info("rendition made", extra={"renditionId": claim.rendition_id, "seconds": seconds})


def _show_progress(claim: RenditionClaim, percent: int) -> None:
    try:
        outcomes.show_progress(claim, percent)
    except AWAY as exc:  # ffmpeg does not wait for the database, and the next figure is near
        logger.warning("progress not shown: %s", type(exc).__name__)


def _stop(claim: RenditionClaim, stopped: RunStopped) -> None:
    try:
        if isinstance(stopped, Stopping):
            outcomes.hand_back(claim, utcnow())
        elif isinstance(stopped, CancelRequested):
            outcomes.park(claim)
        else:
            raise stopped
    except Superseded:
        # A lease that was lost meanwhile leaves all to the new holder.
        logger.warning("rendition superseded", extra={"renditionId": claim.rendition_id})


def _settle(claim: RenditionClaim, error: Exception) -> None:
    """Give up, or try again in a while."""
    logger.warning(
        "rendition not made",
        extra={"renditionId": claim.rendition_id, "error": type(error).__name__},
    )
    failure, is_hopeless = judged(error)
    if is_hopeless or claim.failures + 1 >= FAILURES_MAX:
        outcomes.fail(claim, failure, utcnow())
    else:
        outcomes.put_off(claim, PAUSE_SECONDS, utcnow(), failures=claim.failures + 1)


def _fail_internal(claim: RenditionClaim, bug: Exception) -> None:
    logger.exception("bug in a conversion")
    try:
        outcomes.fail(claim, internal(bug), utcnow())
    except Superseded:
        logger.warning("rendition superseded", extra={"renditionId": claim.rendition_id})


def _app() -> Flask:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, Flask)
    return app
