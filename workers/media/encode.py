"""The one RQ function for conversions: make what is due to be made, and write down how it went."""

from __future__ import annotations

import logging

from flask import Flask, current_app

from app.clock import utcnow
from app.config import Config
from app.publishing.errors import CancelRequested, RunStopped, Superseded
from app.publishing.timeline import Failure
from app.renditions import outcomes
from app.renditions.claims import RenditionClaim, claim_next, key_of
from app.storage.errors import ObjectChanged, ObjectMissing, StorageError
from workers.contexts import current_storage
from workers.errors import Category
from workers.failures import internal
from workers.lease import Stopping, stop_requested
from workers.media.ffmpeg import NoFfmpeg
from workers.media.keeping import RenditionKeeper
from workers.media.making import make
from workers.media.running import FfmpegFailed
from workers.media.workspace import DiskFull, DiskTooSmall, sweep

logger = logging.getLogger(__name__)
#: Tries that may fail for a reason that may pass, and workers that may be lost at one file.
FAILURES_MAX = 2
LOST_RUNS_MAX = 2
PAUSE_SECONDS = 15.0
_FAILURES = {
    ObjectMissing: Failure(
        "video_missing", Category.VIDEO.value, "the video is not there any more"
    ),
    ObjectChanged: Failure(
        "video_changed", Category.VIDEO.value, "the video was replaced while it was converted"
    ),
    DiskTooSmall: Failure(
        "too_large_to_convert",
        Category.VIDEO.value,
        "the video is too large to be converted by this service",
    ),
}


def encode_due() -> None:
    """Make every rendition that is due; a run's function, safe at any time."""
    sweep(_config().encode_dir)
    while not stop_requested.is_set():
        claim = claim_next(utcnow())
        if claim is None:
            return
        _encode(claim)


def _encode(claim: RenditionClaim) -> None:
    if claim.lost_runs > LOST_RUNS_MAX:
        outcomes.fail(claim, _workers_lost(claim.lost_runs), utcnow())
        return
    try:
        if claim.lost_runs:  # what the lost one may have stored
            current_storage().delete(key_of(claim.rendition_id, claim.run - 1, claim.recipe))
        with RenditionKeeper(_app(), claim) as keeper:
            _make(claim, keeper)
    except RunStopped as stopped:
        _stop(claim, stopped)
    except (FfmpegFailed, StorageError, DiskFull, DiskTooSmall, NoFfmpeg) as error:
        _settle(claim, error)
    except Exception as bug:
        outcomes.fail(claim, internal(bug), utcnow())
        raise


def _make(claim: RenditionClaim, keeper: RenditionKeeper) -> None:
    shown = 0

    def show(share: float) -> None:
        nonlocal shown
        percent = int(share * 100)
        if percent >= shown + 5:
            shown = percent
            outcomes.show_progress(claim, percent)

    began = utcnow()
    stored, facts = make(claim, current_storage(), _config(), check=keeper.check, progress=show)
    try:
        outcomes.ready(claim, stored, facts, utcnow())
    except Superseded:
        current_storage().delete(claim.key)
        raise
    seconds = (utcnow() - began).total_seconds()
    logger.info("rendition made", extra={"renditionId": claim.rendition_id, "seconds": seconds})


def _stop(claim: RenditionClaim, stopped: RunStopped) -> None:
    try:
        if isinstance(stopped, Stopping):
            outcomes.hand_back(claim, utcnow())
        elif isinstance(stopped, CancelRequested):
            outcomes.park(claim)
    except Superseded:
        logger.warning("rendition superseded", extra={"renditionId": claim.rendition_id})


def _settle(claim: RenditionClaim, error: Exception) -> None:
    """Give up, or try again in a while; a lease lost meanwhile leaves all to the new holder."""
    logger.warning(
        "rendition not made",
        extra={"renditionId": claim.rendition_id, "error": type(error).__name__},
    )
    failure, is_hopeless = _judged(error)
    try:
        if is_hopeless or claim.failures + 1 >= FAILURES_MAX:
            outcomes.fail(claim, failure, utcnow())
        else:
            outcomes.put_off(claim, PAUSE_SECONDS, utcnow())
    except Superseded as superseded:
        _stop(claim, superseded)


def _judged(error: Exception) -> tuple[Failure, bool]:
    """Return the failure that an error means, and whether trying again cannot help."""
    if type(error) in _FAILURES:
        return _FAILURES[type(error)], True
    if isinstance(error, FfmpegFailed):
        # The same file makes the same ffmpeg fail: once more is for what the machine lacked.
        return Failure(error.code, Category.VIDEO.value, error.sentence), error.is_hopeless
    if isinstance(error, StorageError):
        sentence = "the video store does not answer"
        return Failure("store_unavailable", Category.NETWORK.value, sentence), False
    if isinstance(error, NoFfmpeg):
        return Failure("no_ffmpeg", Category.INTERNAL.value, "there is no fit ffmpeg"), True
    return Failure("disk_full", Category.INTERNAL.value, "there is no room to convert in"), False


def _workers_lost(count: int) -> Failure:
    return Failure(
        "conversion_lost",
        Category.VIDEO.value,
        f"{count} workers were lost while they converted the video: it may be damaged",
    )


def _config() -> Config:
    config = current_app.config["SETTINGS"]
    assert isinstance(config, Config)
    return config


def _app() -> Flask:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, Flask)
    return app
