"""A plan in sentences for a person. Pure."""

from __future__ import annotations

from app.media.plan import Plan, Work

_WORK = {
    Work.REMUX: "The file will be rewritten, without any loss.",
    Work.AUDIO: "The sound will be encoded anew; the pictures stay as they are.",
    Work.VIDEO: "The pictures will be encoded anew; the sound stays as it is.",
    Work.ENCODE: "The video will be encoded anew.",
}
_SILENCE = "It gets a silent sound track."
_TO_SDR = "Its colours are brought from HDR to the range of usual screens."


def told(plan: Plan) -> list[str]:
    """Return what will be done to a file and why; nothing for one that goes as it is."""
    if plan.recipe is None:
        return []
    notes = []
    if plan.recipe.sound is not None and plan.recipe.sound.is_silence:
        notes.append(_SILENCE)
    if plan.recipe.pictures is not None and plan.recipe.pictures.transfer is not None:
        notes.append(_TO_SDR)
    return [_WORK[plan.work], *(reason.message for reason in plan.reasons), *notes]
