"""Describes a plan in sentences for a person. Pure."""

from __future__ import annotations

from app.media.plan import Plan, Work

_WORK = {
    Work.REMUX: "The file will be rewritten without any loss.",
    Work.AUDIO: "The audio will be re-encoded; the video stays as it is.",
    Work.VIDEO: "The video will be re-encoded; the audio stays as it is.",
    Work.ENCODE: "The video will be re-encoded.",
}
_SILENCE = "A silent audio track will be added."
_TO_SDR = "The colours will be converted from HDR to SDR."


def describe_plan(plan: Plan) -> list[str]:
    """Return what will be done to a file and why; nothing for one that goes unchanged."""
    if plan.recipe is None:
        return []
    notes = []
    if plan.recipe.audio is not None and plan.recipe.audio.is_silence:
        notes.append(_SILENCE)
    if plan.recipe.video is not None and plan.recipe.video.transfer is not None:
        notes.append(_TO_SDR)
    return [_WORK[plan.work], *(reason.message for reason in plan.reasons), *notes]
