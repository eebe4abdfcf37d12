"""Sound and pictures that do not start together stay in sync through every transcode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from app.media.facts import Probe
from app.media.plan import Work, plan_for
from app.media.recipe import Recipe
from app.storage import Storage
from tests.media.conftest import probed
from tests.media.corpus import AAC, H264, PLATFORMS, VP9, of, run_ffmpeg, sound

Transcoded = Callable[[str, Probe, Recipe], tuple[Path, Probe]]
MPEG4, OPUS = ["-c:v", "mpeg4", "-q:v", "5"], ["-c:a", "libopus"]
#: A second of black, then white.
_FLASH = (
    "color=c=black:s=360x640:r=30:d=1[black];color=c=white:s=360x640:r=30:d=3[white];"
    "[black][white]concat"
)
FLASH = ["-f", "lavfi", "-i", _FLASH]
LATE = ["-itsoffset", "0.5"]
LATE_SOUND = of(FLASH, LATE, sound("3"))
LATE_PICTURES = of(LATE, FLASH, sound("4.5"))


def sound_after_flash(path: Path) -> float:
    """Return how many seconds after the flash the tone begins."""
    with av.open(str(path)) as container:
        bright = next(
            frame.time
            for frame in container.decode(video=0)
            if frame.time is not None and frame.to_ndarray(format="gray").mean() > 60
        )
    with av.open(str(path)) as container:
        loud = next(
            frame.time
            for frame in container.decode(audio=0)
            if frame.time is not None and abs(frame.to_ndarray()).max() > 0.01
        )
    return loud - bright


@pytest.mark.parametrize("inputs", [LATE_SOUND, LATE_PICTURES], ids=["late-sound", "late-pictures"])
@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("film.mkv", of(H264, AAC)),
        ("film.ts", of(H264, AAC)),
        ("film.flv", of(H264, AAC)),
        ("film.mov", of(H264, AAC)),
        ("film-mpeg4.mkv", of(MPEG4, AAC)),
        ("film-mpeg4.mp4", of(MPEG4, AAC)),
        ("film-vp9.mkv", of(VP9, OPUS)),
    ],
)
def test_streams_that_start_apart_stay_in_sync(
    name: str,
    codecs: tuple[str, ...],
    inputs: tuple[str, ...],
    store: Storage,
    tmp_path: Path,
    transcoded: Transcoded,
) -> None:
    source = tmp_path / name
    run_ffmpeg(*inputs, *codecs, str(source))
    before = probed(store, source)
    recipes = {plan_for(platform, before).recipe for platform in PLATFORMS} - {None}
    assert recipes
    for recipe in recipes:
        assert recipe is not None
        path, _ = transcoded(name, before, recipe)
        expected = sound_after_flash(source)
        assert sound_after_flash(path) == pytest.approx(expected, abs=0.05), recipe


@pytest.mark.parametrize(
    ("delay_seconds", "work"),
    [
        (None, Work.REMUX),
        (0.04, Work.REMUX),
        (-0.04, Work.REMUX),
        (0.06, Work.AUDIO),
        (-0.06, Work.VIDEO),
    ],
)
def test_only_the_late_stream_is_encoded(
    delay_seconds: float | None, work: Work, store: Storage, tmp_path: Path
) -> None:
    """None is what a video has that was probed before the delay was measured."""
    path = tmp_path / "film.mkv"
    run_ffmpeg(*FLASH, *sound(), *H264, *AAC, str(path))
    found = probed(store, path)
    assert found.sound_delay_seconds == pytest.approx(0.0, abs=0.03)
    fields = replace(found, sound_delay_seconds=delay_seconds).dump()
    if delay_seconds is None:
        del fields["sound_delay_seconds"]
    plans = {plan_for(platform, Probe.load(fields)).work for platform in PLATFORMS}
    assert plans == {work}
