"""The `optimize` step: choose the file for the platform, and wait for a transcode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

from app.clock import utcnow
from app.failures import Category
from app.media.facts import Probe
from app.media.plan import Plan, plan_for
from app.media.plan_text import describe_plan
from app.media.violations import Violation
from app.models import Rendition, Video
from app.publishing.claims import Claim
from app.publishing.leased import note_transcode
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
from workers.platforms.sources import PADDING_SECONDS, video_replaced
from workers.publishing.source import SourceFile, store_errors
from workers.publishing.video_step import known_video

#: Failures of the transcode that the next attempt would only repeat, perhaps after hours.
LASTING_CODES = frozenset(
    {"conversion_lost", "conversion_too_long", "no_ffmpeg", "too_large_to_convert"}
)
#: A transcode not started within this time has no worker: fail rather than wait on.
NOT_STARTED_LIMIT = timedelta(hours=24)
_TRY_AGAIN = "Try again later; if that fails too, tell the operator"
_ASK_OPERATOR = (
    "Another export of the video may be easier to convert; otherwise ask the operator to find the"
    " cause, then retry this job"
)


@dataclass(frozen=True)
class Transcoding:
    """The file is being transcoded; `percent` 0–100. The job is woken at the end."""

    rendition_id: str
    percent: int


def pending_transcode(claim: Claim) -> Transcoding | None:
    """Return the progress of the transcode that the job waits for; None when the wait is over.

    Raises `VideoRefused`, `NetworkFailure`, `TranscodeFailed` or `TranscodeRefused` if it failed.
    """
    rendition = rendition_of(claim.job_id)
    if rendition is None or rendition.state is RenditionState.READY:
        return None
    if rendition.state is RenditionState.FAILED:
        _raise_failed(rendition)
    if rendition.due_at is None:
        return None  # parked just before this job requested it: request it again
    if utcnow() - rendition.due_at > NOT_STARTED_LIMIT:
        raise NetworkFailure("not_converted", "no worker started to convert the video within a day")
    return Transcoding(rendition.id, rendition.progress)


def fit_file(claim: Claim, video: Video, plan: Plan) -> SourceFile | Transcoding:
    """Return the file for the platform: the video's own if it fits, else a rendition of it.

    Raises `VideoRefused`, with every rule and figure, for a video that no transcode can fix.
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
    """Return the claim with its job's current rendition, which this run may have requested."""
    rendition = rendition_of(claim.job_id)
    return replace(claim, rendition_id=None if rendition is None else rendition.id)


def plan_of(platform: str, video: Video) -> Plan:
    """Return what a platform requires to be done to a video, whatever the account."""
    assert video.probe is not None
    return plan_for(platform, Probe.load(video.probe))


def refuse_hopeless(plan: Plan) -> None:
    """Raise `VideoRefused` for a video that no transcode can fix."""
    if plan.refusals:
        raise VideoRefused(
            plan.refusals[0].rule,
            " ".join(violation.message for violation in plan.refusals),
            hint="Export the video within these limits and upload it again",
        )


def begun_file(claim: Claim, video: Video, version: str, *, may_reopen: bool) -> SourceFile:
    """Return the file of a started upload, whose remaining bytes must be of the same `version`.

    The rows alone do not tell: another job may have probed the video again since. Raises
    `VideoRefused` for another version of the video. For one of a rendition it raises that too,
    but `UploadGone` if the upload cannot have published anything.
    """
    rendition = rendition_of(claim.job_id)
    if rendition is None:
        file = SourceFile.of(video)
        if file.version != version:
            raise video_replaced()
        return file
    if rendition.state is RenditionState.READY and _is_there(rendition):
        file = SourceFile.of(rendition)
        if file.version == version:
            return file
    if may_reopen:
        raise UploadGone("rendition_gone", "the converted video was removed meanwhile")
    raise VideoRefused("video_changed", "the converted video was removed while it was published")


def known_file(claim: Claim) -> SourceFile:
    """Return the file that was uploaded, without reading from the store."""
    rendition = rendition_of(claim.job_id) if claim.rendition_id else None
    if rendition is not None and rendition.state is RenditionState.READY:
        return SourceFile.of(rendition)
    return SourceFile.of(known_video(claim.video_id))


def _is_there(rendition: Rendition) -> bool:
    """Tell whether the store still has the object; if not, have it transcoded again."""
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
    """Return the transcoded file, after the same checks as any other."""
    assert rendition.probe is not None
    plan = plan_for(claim.platform, Probe.load(rendition.probe))
    broken = [one for one in (*plan.refusals, *plan.reasons) if not _is_padding(one)]
    if broken:
        raise VideoRefused(
            "conversion_unfit",
            " ".join(f"Converted: {violation.message}" for violation in broken),
            hint="Export the video within these limits and upload it again",
        )
    return SourceFile.of(rendition)


def _is_padding(violation: Violation) -> bool:
    """Whether a converted file is too long only because its sound ends with a whole frame."""
    if violation.rule != "duration_max":
        return False
    return float(violation.actual) - float(violation.limit) <= PADDING_SECONDS


def _raise_failed(rendition: Rendition) -> NoReturn:
    code, detail = rendition.error_code or "", rendition.error_message or ""
    if rendition.error_category == Category.VIDEO:
        raise VideoRefused(code, detail, hint="Export the video again and upload it")
    if rendition.error_category == Category.NETWORK:
        raise NetworkFailure(code, detail)
    if code in LASTING_CODES:
        raise TranscodeRefused(code, detail, hint=_ASK_OPERATOR)
    raise TranscodeFailed(code, detail, hint=_TRY_AGAIN)
