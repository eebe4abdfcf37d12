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


def flash(rate: int) -> list[str]:
    """Return an input of a second of black, then white."""
    black, white = (f"color=c={shade}:s=360x640:r={rate}" for shade in ("black", "white"))
    return ["-f", "lavfi", "-i", f"{black}:d=1[black];{white}:d=3[white];[black][white]concat"]


FLASH = flash(30)
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


MP3, BARE = ["-c:a", "libmp3lame"], ["-use_editlist", "0"]
PYRAMID = [*H264, "-bf", "3", "-b_strategy", "0", "-x264-params", "b-pyramid=1"]


@pytest.mark.parametrize(
    ("inputs", "codecs", "work"),
    [
        (FLASH, of(H264, AAC), Work.REMUX),
        (flash(24), of(PYRAMID, AAC), Work.REMUX),
        (FLASH, of(H264, MP3), Work.AUDIO),
        (flash(60), of(H264, AAC), Work.REMUX),
    ],
    ids=["30-fps", "24-fps-pyramid", "mp3", "60-fps"],
)
def test_pictures_that_are_late_by_their_reordering_alone_are_copied(
    inputs: list[str],
    codecs: tuple[str, ...],
    work: Work,
    store: Storage,
    tmp_path: Path,
    transcoded: Transcoded,
) -> None:
    """As in an MP4 without edit list, whose first picture is shown frames after it is decoded."""
    source = tmp_path / "film.mp4"
    run_ffmpeg(*inputs, *sound(), *codecs, *BARE, str(source))
    before = probed(store, source)
    delay = before.sound_delay_seconds
    assert delay is not None and delay < -0.03 and before.has_edit_list is False
    plan = plan_for("INSTAGRAM", before)
    assert plan.work is work and plan.recipe is not None
    path, made = transcoded(source.name, before, plan.recipe)
    assert sound_after_flash(path) == pytest.approx(sound_after_flash(source), abs=0.05)
    assert plan_for("INSTAGRAM", made).work is Work.NOTHING
    if work is Work.REMUX:
        assert made.sound_delay_seconds == pytest.approx(delay, abs=0.005)


def test_pictures_that_are_late_by_more_than_reordering_are_encoded(
    store: Storage, tmp_path: Path
) -> None:
    """Fragments may begin at different times without an edit list."""
    path = tmp_path / "film.mp4"
    run_ffmpeg(*FLASH, *sound(), *H264, *AAC, *BARE, str(path))
    late = replace(probed(store, path), sound_delay_seconds=-0.2)
    assert plan_for("INSTAGRAM", late).work is Work.VIDEO
