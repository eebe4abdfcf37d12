"""Transcodes by a real ffmpeg, and their results."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PosixPath
from typing import IO, Any

import av
import pytest

from app.media.facts import Probe
from app.media.plan import Plan, Work, plan_for
from app.media.recipe import Recipe, VideoEncoding
from app.media.video_rules import VIDEO_RULES, Bounds
from app.storage import Storage
from tests import IS_THOROUGH
from tests.media.conftest import claim_for, probed
from tests.media.corpus import AAC, H264, READY, make_film, pictures, run_ffmpeg, sound
from workers.media.failures import failure_of
from workers.media.ffmpeg import find_ffmpeg
from workers.media.transcoding import fetch
from workers.media.workspace import DiskFull

Transcoded = Callable[[str, Probe, Recipe], tuple[Path, Probe]]


def plan_of(facts: Probe, platform: str) -> Plan:
    plan = plan_for(platform, facts)
    assert plan.recipe is not None
    return plan


def stream_digest(path: Path, stream: str) -> str:
    """Return the hash of a stream's bytes, whatever the container."""
    asked = ("-map", f"0:{stream}:0", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")
    command = [find_ffmpeg().path, "-v", "error", "-i", str(path), *asked]
    answer = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    return answer.stdout.strip().rpartition("=")[2]


def first_times(path: Path) -> dict[str, float]:
    """Return when each kind of stream starts, in seconds."""
    with av.open(str(path)) as container:
        return {
            stream.type: float((stream.start_time or 0) * (stream.time_base or 0))
            for stream in container.streams
        }


#: File, platform, and facts of the result besides that it fits.
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("vp9.mkv", "TIKTOK", {"container": "webm", "video_codec": "vp9", "audio_codec": "opus"}),
    ("clip.ts", "YOUTUBE", {"container": "mp4", "video_codec": "h264", "audio_codec": "aac"}),
    ("hlg.mov", "INSTAGRAM", {"video_codec": "hevc", "bit_depth": 10, "is_hdr": True}),
    ("surround.mp4", "INSTAGRAM", {"audio_channels": 2, "audio_codec": "aac"}),
    ("silent.mkv", "INSTAGRAM", {"audio_channels": 2, "audio_codec": "aac"}),
    ("phone.3gp", "TIKTOK", {"container": "mp4", "audio_codec": "aac", "audio_channels": 1}),
    ("turned.mp4", "TIKTOK", {"width": 360, "height": 640, "rotation": 0}),
    ("uneven.mp4", "TIKTOK", {"is_variable_rate": False}),
    ("uneven.mkv", "INSTAGRAM", {"is_variable_rate": False}),
    ("heavy.mp4", "INSTAGRAM", {"width": 360, "height": 640}),
    ("interlaced.mp4", "INSTAGRAM", {"is_interlaced": False}),
    ("begins-later.mkv", "TIKTOK", {"container": "mp4", "video_codec": "h264"}),
]
#: Only under `make corpus`.
MORE_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("turned.mov", "INSTAGRAM", {"width": 360, "height": 640, "rotation": 270}),
    ("rgb.mp4", "TIKTOK", {"pixel_format": "yuv420p", "profile": "High"}),
    ("hlg-fast.mov", "INSTAGRAM", {"frame_rate": 60.0, "bit_depth": 8, "transfer": "bt709"}),
    ("tiny.mp4", "TIKTOK", {"width": 360, "height": 360}),
    ("clip.avi", "TIKTOK", {"video_codec": "h264", "audio_codec": "aac"}),
    ("camera.avi", "INSTAGRAM", {"pixel_format": "yuv420p", "audio_channels": 2}),
    ("odd.webm", "INSTAGRAM", {"width": 360, "height": 640}),
    ("late-sound.mp4", "INSTAGRAM", {"has_edit_list": False}),
]


@pytest.mark.parametrize(
    ("name", "platform", "facts"), [*CASES, *(MORE_CASES if IS_THOROUGH else ())]
)
def test_result_fits_the_platform(
    name: str,
    platform: str,
    facts: dict[str, Any],
    store: Storage,
    tmp_path: Path,
    transcoded: Transcoded,
) -> None:
    source = make_film(name, tmp_path)
    before = probed(store, source)
    plan = plan_of(before, platform)
    assert plan.recipe is not None
    path, made = transcoded(name, before, plan.recipe)
    after = plan_for(platform, made)
    assert (after.work, after.refusals) == (Work.NOTHING, ()), made
    assert {key: getattr(made, key) for key in facts} == facts
    assert made.duration_seconds == pytest.approx(before.duration_seconds, abs=0.15)
    if plan.recipe.video is None:
        assert stream_digest(path, "v") == stream_digest(source, "v") or name == "clip.ts"
    if plan.work is Work.REMUX:
        assert stream_digest(path, "a") == stream_digest(source, "a") or name == "clip.ts"
    assert all(abs(begin) < 0.05 for begin in first_times(path).values())


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A video with far more detail than its size limit can hold."""
    path = tmp_path / "rich.mp4"
    noise = pictures("320x320", seconds="2", extra=",noise=alls=60:allf=t")
    run_ffmpeg(*noise, *H264, "-crf", "20", str(path))
    return path


def test_size_limit_is_met_within_five_percent(
    rich: Path, store: Storage, transcoded: Transcoded
) -> None:
    facts, limit = probed(store, rich), 400_000
    rate = int(limit * 8 * 0.975 / facts.duration_seconds)
    made = VideoEncoding(320, 320, "30/1", crf=18, bit_rate_max=2 * rate, bit_rate=rate)
    path, _ = transcoded(rich.name, facts, Recipe("mp4", made, None, limit))
    assert limit * 0.95 <= path.stat().st_size <= limit


def test_result_over_the_size_limit_is_transcoded_again(
    rich: Path, store: Storage, transcoded: Transcoded
) -> None:
    facts, limit = probed(store, rich), 400_000
    made = VideoEncoding(320, 320, "30/1", crf=18, bit_rate_max=20_000_000)
    path, _ = transcoded(rich.name, facts, Recipe("mp4", made, None, limit))
    assert limit * 0.9 <= path.stat().st_size <= limit


def test_late_sound_stays_late(store: Storage, tmp_path: Path, transcoded: Transcoded) -> None:
    """The edit list that delayed it is gone; the audio itself starts with silence."""
    facts = probed(store, make_film("late-sound.mp4", tmp_path))
    plan = plan_of(facts, "INSTAGRAM")
    assert plan.recipe is not None
    path, _ = transcoded("late-sound.mp4", facts, plan.recipe)
    with av.open(str(path)) as container:
        loud = next(
            frame.time
            for frame in container.decode(audio=0)
            if frame.time is not None and abs(frame.to_ndarray()).max() > 0.01
        )
    assert loud == pytest.approx(0.5, abs=0.06)


def test_recipes_round_trip_and_have_distinct_digests() -> None:
    recipe = Recipe("mp4", VideoEncoding(360, 640, "30/1", crf=18, bit_rate_max=1), None, 5)
    assert Recipe.load(recipe.dump()) == recipe
    assert recipe.digest == Recipe.load(recipe.dump()).digest
    assert recipe.digest != replace(recipe, container="webm").digest
    kept = replace(recipe, keeps_offsets=True)
    assert Recipe.load(kept.dump()) == kept and kept.digest != recipe.digest


@pytest.mark.parametrize("seconds", ["3", "6"])
def test_short_video_of_much_detail_stays_below_the_bit_rate(
    seconds: str, store: Storage, tmp_path: Path, transcoded: Transcoded
) -> None:
    """Though an encoder may begin with more than the cap, as much as the decoder's buffer holds."""
    path = tmp_path / "noise.mp4"
    noise = pictures("720x1280", seconds=seconds, extra=",noise=alls=80:allf=t")
    run_ffmpeg(*noise, *sound(seconds), *H264, "-crf", "12", *AAC, *READY, str(path))
    before = probed(store, path)
    plan = plan_of(before, "INSTAGRAM")
    assert plan.recipe is not None and [one.rule for one in plan.reasons] == ["bit_rate_max"]
    _, made = transcoded(path.name, before, plan.recipe)
    assert plan_for("INSTAGRAM", made).work is Work.NOTHING
    assert made.bit_rate > 12_000_000


@pytest.mark.parametrize("name", ["silent.mkv", "mp3.mp4", "clip.mkv", "plain.mp4"])
def test_file_just_below_the_size_limit_does_not_outgrow_it(
    name: str,
    store: Storage,
    tmp_path: Path,
    transcoded: Transcoded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is brought down to the file; its copied video would not leave enough room."""
    before = probed(store, make_film(name, tmp_path))
    rules = VIDEO_RULES["INSTAGRAM"]
    ranges = {**rules.ranges, "size": Bounds(high=before.size_bytes + 1000)}
    monkeypatch.setitem(VIDEO_RULES, "INSTAGRAM", replace(rules, ranges=ranges))
    plan = plan_of(before, "INSTAGRAM")
    assert plan.recipe is not None
    _, made = transcoded(name, before, plan.recipe)
    assert plan_for("INSTAGRAM", made).work is Work.NOTHING


@pytest.mark.parametrize(("name", "work"), [("silent.mkv", Work.AUDIO), ("clip.mkv", Work.REMUX)])
def test_video_is_copied_where_there_is_room(
    name: str, work: Work, store: Storage, tmp_path: Path
) -> None:
    facts = probed(store, make_film(name, tmp_path))
    size_max = VIDEO_RULES["INSTAGRAM"].ranges["size"].high
    assert size_max is not None
    for share, expected in ((0.9, True), (0.9999, False)):
        sized = replace(facts, size_bytes=int(size_max * share), duration_seconds=100.0)
        assert (plan_of(sized, "INSTAGRAM").work is work) is expected


class FullDisk(PosixPath):
    """A file on a disk that others have filled."""

    def open(self, *args: Any, **options: Any) -> IO[Any]:
        return open("/dev/full", "wb", buffering=0)


def test_disk_filled_by_others_while_the_source_is_fetched_is_no_bug(
    rich: Path, store: Storage, tmp_path: Path
) -> None:
    facts = probed(store, rich)
    claim = claim_for(store, rich.name, facts, Recipe("mp4", None, None))
    with pytest.raises(DiskFull) as caught:
        fetch(claim, store, FullDisk(tmp_path / "source"), check=lambda: None)
    failure, is_permanent = failure_of(caught.value)
    assert (failure.code, is_permanent) == ("disk_full", False)
