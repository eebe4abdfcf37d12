"""The `optimize` step: which file the platform gets, and the wait for one that is still made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn, cast

from sqlalchemy import Table, bindparam, select

from app.accounts.video_limit import limit_at
from app.clock import utcnow
from app.database.transaction import transaction
from app.failures import Category
from app.media.facts import Probe
from app.media.plan import Plan, plan_for
from app.media.plan_text import describe_plan
from app.models import Account, Rendition, Video
from app.publishing.claims import Claim
from app.publishing.holding import note_transcode
from app.renditions.requesting import detach_rendition, rebuild, rendition_of, request_rendition
from app.states import RenditionState, Step
from app.storage import current_storage
from app.storage.errors import ObjectMissing
from workers.errors import (
    NetworkFailure,
    TranscodeFailed,
    TranscodeRefused,
    UploadGone,
    VideoRefused,
)
from workers.publishing.source import SourceFile, store_errors
from workers.publishing.video_step import known_video, video_changed

#: Failures of the service that the next attempt would only meet again, after hours perhaps.
LASTING_CODES = frozenset(
    {"conversion_lost", "conversion_too_long", "no_ffmpeg", "too_large_to_convert"}
)
#: A conversion that nobody begins for so long is nobody's: no worker makes any.
NOT_BEGUN_LIMIT = timedelta(hours=24)
_TRY_AGAIN = "Try again later; if that fails as well, tell the operator"
_ASK_OPERATOR = (
    "Another export of the video may be easier to convert; else the operator can look why, and then"
    " this job can be retried"
)
# Without the tokens, which would be decrypted.
_ACCOUNTS = cast(Table, Account.__table__)
_LIMIT_OF = select(_ACCOUNTS.c.video_max_seconds, _ACCOUNTS.c.video_max_told_at).where(
    _ACCOUNTS.c.id == bindparam("account_id")
)


@dataclass(frozen=True)
class Transcoding:
    """The file is still made; `percent` 0–100. The job is woken when it is done."""

    rendition_id: str
    percent: int


def pending_transcode(claim: Claim) -> Transcoding | None:
    """Return how far the file is that the job waits for; None when the wait is over.

    Raises `VideoRefused`, `NetworkFailure`, `TranscodeFailed` or `TranscodeRefused` when it could
    not be made.
    """
    rendition = rendition_of(claim.job_id)
    if rendition is None or rendition.state is RenditionState.READY:
        return None
    if rendition.state is RenditionState.FAILED:
        _raise_failed(rendition)
    if rendition.due_at is None:
        return None  # given up just before this job asked: it has to ask again
    if utcnow() - rendition.due_at > NOT_BEGUN_LIMIT:
        raise NetworkFailure("not_converted", "no worker has begun to convert the video in a day")
    return Transcoding(rendition.id, rendition.progress)


def fit_file(claim: Claim, video: Video, plan: Plan) -> SourceFile | Transcoding:
    """Return the file for the platform: the video's own wherever that will do.

    Raises `VideoRefused` for what nothing cures, with every rule and figure.
    """
    refuse_hopeless(plan)
    if plan.recipe is None:
        if claim.rendition_id is not None:
            detach_rendition(claim.job_id)
        return SourceFile.of(video)
    rendition = request_rendition(claim.job_id, video, plan.recipe, utcnow())
    if claim.step is not Step.OPTIMIZE:
        note_transcode(claim, " ".join(describe_plan(plan)), utcnow())
    if rendition.state is RenditionState.FAILED:
        _raise_failed(rendition)
    if rendition.state is RenditionState.READY and _is_there(rendition):
        return _fitting(claim, rendition)
    return Transcoding(rendition.id, rendition.progress)


def with_rendition(claim: Claim) -> Claim:
    """Return the claim with the rendition that its job has by now: this run may have asked."""
    rendition = rendition_of(claim.job_id)
    return replace(claim, rendition_id=None if rendition is None else rendition.id)


def plan_of(platform: str, account_id: str, video: Video) -> Plan:
    """Return what has to be done to a video for a platform."""
    assert video.probe is not None
    return plan_for(
        platform, Probe.load(video.probe), max_duration_seconds=_account_limit(account_id)
    )


def refuse_hopeless(plan: Plan) -> None:
    """Raise `VideoRefused` for what nothing cures."""
    if plan.refusals:
        raise VideoRefused(
            plan.refusals[0].rule,
            " ".join(violation.message for violation in plan.refusals),
            hint="Export the video within these limits and upload it again",
        )


def begun_file(claim: Claim, video: Video, version: str, *, may_reopen: bool) -> SourceFile:
    """Return the file whose upload was begun: its other bytes must be of the very same `version`.

    The rows alone do not tell: another job of the video may have probed it again since. Raises
    `VideoRefused` for another version of the video. One of a rendition raises that too, but
    `UploadGone` where the upload can have published nothing.
    """
    rendition = rendition_of(claim.job_id)
    if rendition is None:
        file = SourceFile.of(video)
        if file.version != version:
            raise video_changed()
        return file
    if rendition.state is RenditionState.READY and _is_there(rendition):
        file = SourceFile.of(rendition)
        if file.version == version:
            return file
    if may_reopen:
        raise UploadGone("rendition_gone", "the converted video was removed meanwhile")
    raise VideoRefused("video_changed", "the converted video was removed while it was published")


def known_file(claim: Claim) -> SourceFile:
    """Return the file that was uploaded, without a look at the store."""
    rendition = rendition_of(claim.job_id) if claim.rendition_id else None
    if rendition is not None and rendition.state is RenditionState.READY:
        return SourceFile.of(rendition)
    return SourceFile.of(known_video(claim.video_id))


def _is_there(rendition: Rendition) -> bool:
    """Whether the store still has the object; one that is gone is made once more."""
    assert rendition.r2_key is not None
    with store_errors():
        try:
            is_same = current_storage().stat(rendition.r2_key).etag == rendition.etag
        except ObjectMissing:
            is_same = False
    if not is_same:
        rebuild(rendition, utcnow())
    return is_same


def _fitting(claim: Claim, rendition: Rendition) -> SourceFile:
    """Return the file that was made, judged like any other: nothing is taken on trust."""
    assert rendition.probe is not None
    plan = plan_for(claim.platform, Probe.load(rendition.probe))
    broken = (*plan.refusals, *plan.reasons)
    if broken:
        raise VideoRefused(
            "conversion_unfit",
            " ".join(f"Converted: {violation.message}" for violation in broken),
            hint="Export the video within these limits and upload it again",
        )
    return SourceFile.of(rendition)


def _raise_failed(rendition: Rendition) -> NoReturn:
    code, detail = rendition.error_code or "", rendition.error_message or ""
    if rendition.error_category == Category.VIDEO:
        raise VideoRefused(code, detail, hint="Export the video anew and upload it again")
    if rendition.error_category == Category.NETWORK:
        raise NetworkFailure(code, detail)
    if code in LASTING_CODES:
        raise TranscodeRefused(code, detail, hint=_ASK_OPERATOR)
    raise TranscodeFailed(code, detail, hint=_TRY_AGAIN)


def _account_limit(account_id: str) -> int | None:
    with transaction() as session:
        max_seconds, told_at = session.execute(_LIMIT_OF, {"account_id": account_id}).one()
    return limit_at(max_seconds, told_at, utcnow())
