"""The TikTok handler against the sandbox: successful runs, and what they send."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from sandbox.server import SandboxServer
from sandbox.tiktok.state import Publish, TikTokState
from tests.workers.platforms.support import Sandbox, Stopped, error_of_run, lengthened
from tests.workers.platforms.tiktok_job import (
    CREATOR,
    INIT,
    LONG_BYTES,
    STATUS,
    UPLOAD,
    checkpoint,
    make_job,
    opened,
    ranges,
    received_bytes,
)
from workers.errors import AccountRefused, RateLimited, RequestRefused, UploadGone, VideoRefused
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok.upload import (
    CHUNK_BYTES,
    CHUNK_MAX_BYTES,
    SINGLE_CHUNK_MAX_BYTES,
    ChunkPlan,
    TikTokUpload,
)


def only_publish(sandbox: SandboxServer) -> Publish:
    """Return the sandbox's record of the only publish."""
    [publish] = sandbox.world.part(TikTokState).publishes.values()
    return publish


def test_upload_arrives_byte_for_byte(control: Sandbox, video: bytes) -> None:
    control.settings(tiktok_post_id_seconds=60)
    job = make_job(control, video)
    published = job.carry_through()
    [post] = control.posts()
    assert published == Published(None, follow_up=True)
    control.advance(60)
    followed = job.handler.follow_up(job.context, checkpoint(job), None)
    assert followed == Published(post["id"], post["url"])
    assert post["sha256"] == sha256(video).hexdigest()
    assert (post["caption"], post["privacy"]) == ("A caption #fun", "PUBLIC_TO_EVERYONE")
    assert received_bytes(control) == len(video)
    assert job.journal.sent_bytes[-1] == len(video)
    assert job.errors == []
    assert job.source.open_streams == 0


def test_calls_come_in_order_and_a_fresh_upload_starts_without_a_read(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    job.run()
    assert control.call_names() == [CREATOR, INIT, UPLOAD]
    assert [kind for kind, _ in job.journal.saved] == ["save", "commit", "save"]
    (_, opened_as), (_, committed), (_, delivered) = job.journal.saved
    assert opened_as["is_fresh"] and opened_as["final_started_at"] is None
    assert not committed["is_fresh"] and committed["final_started_at"] is not None
    assert committed["delivered_at"] is None and delivered["delivered_at"] is not None


def test_long_video_goes_in_chunks_and_the_last_one_is_committed_first(
    control: Sandbox, video: bytes
) -> None:
    data = lengthened(video, LONG_BYTES)
    job = make_job(control, data)
    job.carry_through()
    starts = range(0, 50_000_001, CHUNK_BYTES)
    ends = [*range(CHUNK_BYTES, 50_000_001, CHUNK_BYTES), LONG_BYTES]
    assert ranges(control) == [
        f"bytes {first}-{end - 1}/{LONG_BYTES}" for first, end in zip(starts, ends, strict=True)
    ]
    assert [kind for kind, _ in job.journal.saved] == ["save", "save", "commit", "save"]
    assert control.posts()[0]["sha256"] == sha256(data).hexdigest()
    assert received_bytes(control) == LONG_BYTES
    assert job.source.largest_read < 1_000_000
    assert job.source.ranges == [(0, LONG_BYTES)]  # the store is read through, whatever the chunks
    assert job.source.open_streams == 0


@pytest.mark.parametrize(
    ("size", "chunk", "count"),
    [
        (1, 1, 1),
        (5_000_000, 5_000_000, 1),
        (19_999_999, 19_999_999, 1),
        (SINGLE_CHUNK_MAX_BYTES, SINGLE_CHUNK_MAX_BYTES, 1),
        (SINGLE_CHUNK_MAX_BYTES + 1, CHUNK_BYTES, 6),
        (128_000_000, CHUNK_BYTES, 12),
        (320_000_123, 20_000_007, 16),
        (1_000_000_000, CHUNK_MAX_BYTES, 31),
        (4_000_000_000, CHUNK_MAX_BYTES, 125),
    ],
)
def test_chunk_plan_rounds_down_and_covers_the_file(size: int, chunk: int, count: int) -> None:
    plan = ChunkPlan.of(size)
    assert (plan.chunk_bytes, plan.count) == (chunk, count)
    assert plan.end(size - 1) == size
    assert size - plan.start(size - 1) < 2 * chunk
    if count > 1:
        assert (plan.start(chunk), plan.end(chunk)) == (chunk, 2 * chunk)
        assert (plan.start(chunk - 1), plan.end(chunk - 1)) == (0, chunk)


def test_chunk_plan_of_the_documented_example() -> None:
    plan = ChunkPlan(50_000_123, 10_000_000)
    assert plan.count == 5
    assert (plan.start(50_000_000), plan.end(40_000_000)) == (40_000_000, 50_000_123)


def test_options_reach_the_post(control: Sandbox, sandbox: SandboxServer, video: bytes) -> None:
    options = {
        "disableComment": True,
        "disableDuet": False,
        "disableStitch": True,
        "coverTimestampMs": 1500,
        "brandContentToggle": True,
        "brandOrganicToggle": False,
        "isAigc": True,
        "unknownToTikTok": 1,
    }
    opened(make_job(control, video, options=options))
    assert only_publish(sandbox).post_info == {
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "title": "A caption #fun",
        "disable_comment": True,
        "disable_duet": False,
        "disable_stitch": True,
        "video_cover_timestamp_ms": 1500,
        "brand_content_toggle": True,
        "brand_organic_toggle": False,
        "is_aigc": True,
    }


def test_creators_duration_limit_is_stored(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    opened(job)
    assert job.journal.limits == [600]


def test_post_without_caption_and_options_sends_neither(
    control: Sandbox, sandbox: SandboxServer, video: bytes
) -> None:
    opened(make_job(control, video, text="", privacy="private"))
    assert only_publish(sandbox).post_info == {"privacy_level": "SELF_ONLY"}


def test_settings_of_the_account_override_the_post_with_a_warning(
    control: Sandbox, sandbox: SandboxServer, video: bytes
) -> None:
    account = control.account("TIKTOK", comment_disabled=True, duet_disabled=True)
    options = {"disableComment": False}
    job = make_job(control, video, account=account, options=options)
    [warning] = job.carry_through().warnings
    assert "comments" in warning and "duets" not in warning
    info = only_publish(sandbox).post_info
    assert (info["disable_comment"], info["disable_duet"]) == (True, True)
    assert "disable_stitch" not in info


def test_private_post_is_published_without_an_id_to_come(control: Sandbox, video: bytes) -> None:
    assert make_job(control, video, privacy="private").carry_through() == Published(None)
    assert control.posts()[0]["privacy"] == "SELF_ONLY"


@pytest.mark.parametrize(
    ("account", "draft", "wanted", "code"),
    [
        ({}, {"privacy": "unlisted"}, RequestRefused, "privacy_not_offered"),
        ({"private": True}, {}, RequestRefused, "privacy_level_option_mismatch"),
        ({"max_video_post_duration_sec": 3}, {}, VideoRefused, "duration_check_failed"),
        (
            {},
            {"privacy": "private", "options": {"brandContentToggle": True}},
            RequestRefused,
            "branded_content_private",
        ),
        ({"scopes": ["video.list"]}, {}, AccountRefused, "scope_not_authorized"),
        ({"banned": True}, {}, AccountRefused, "spam_risk_user_banned_from_posting"),
    ],
)
def test_drafts_the_creator_may_not_post_are_refused_before_the_upload(
    control: Sandbox,
    video: bytes,
    account: dict[str, Any],
    draft: dict[str, Any],
    wanted: type[Exception],
    code: str,
) -> None:
    job = make_job(control, video, account=control.account("TIKTOK", **account), **draft)
    error = error_of_run(job)
    assert (type(error), error.code) == (wanted, code)
    assert error.hint
    assert INIT not in control.call_names()


def test_empty_file_is_refused(control: Sandbox) -> None:
    assert error_of_run(make_job(control, b"")).code == "empty_file"
    assert control.calls() == []


def test_refusal_of_an_unaudited_app_has_a_hint(control: Sandbox, video: bytes) -> None:
    error = error_of_run(make_job(control, video, account=control.account("TIKTOK", audited=False)))
    assert error.code == "unaudited_client_can_only_post_to_private_accounts"
    assert isinstance(error, RequestRefused) and "private" in error.hint


def test_daily_cap_is_waited_for(control: Sandbox, video: bytes) -> None:
    control.settings(tiktok_posts_per_day=1)
    account = control.account("TIKTOK", token_seconds=1_000_000)
    make_job(control, video, account=account).carry_through()
    job = make_job(control, video, account=account)
    error = error_of_run(job)
    assert isinstance(error, RateLimited) and not error.application_wide
    job.carry_through(30)
    assert {error.code for error in job.errors} == {"spam_risk_too_many_posts"}
    assert len(control.posts()) == 2


def test_cancellation_before_the_last_chunk_leaves_nothing_live(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, lengthened(video, LONG_BYTES))
    job.journal.stop_at_commit = True
    with pytest.raises(Stopped):
        job.run()
    assert control.posts() == []
    assert job.source.open_streams == 0
    assert len(control.calls(UPLOAD)) == 5


def test_upload_stopped_midway_is_resumed(control: Sandbox, video: bytes) -> None:
    job = make_job(control, lengthened(video, 8_000_003))
    job.journal.stop_at_bytes = 4_000_000
    with pytest.raises(Stopped):
        job.run()
    assert job.source.open_streams == 0
    job.journal.stop_at_bytes = None
    job.carry_through()
    assert control.posts()[0]["sha256"] == sha256(job.source.data).hexdigest()
    assert received_bytes(control) == len(job.source.data)


def test_poll_is_one_read_at_intervals_up_to_half_a_minute(control: Sandbox, video: bytes) -> None:
    control.settings(processing_seconds=3600)
    job = make_job(control, video)
    job.run()
    pauses = []
    for advance in (0, 20, 40, 600):
        control.advance(advance)
        before = len(control.calls())
        found = job.run()
        assert isinstance(found, Processing)
        assert control.call_names()[before:] == [STATUS]
        pauses.append(round(found.next_poll_seconds))
    assert pauses == [1, 5, 15, 30]
    assert [kind for kind, _ in job.journal.saved] == ["save", "commit", "save"]


def test_poll_of_an_upload_without_bytes_is_incomplete(control: Sandbox, video: bytes) -> None:
    job = opened(make_job(control, video))
    assert job.handler.poll(job.context, checkpoint(job)) == Incomplete(0)


def test_upload_not_completed_in_time_is_gone(control: Sandbox, video: bytes) -> None:
    job = opened(make_job(control, video))
    control.advance(3601)
    with pytest.raises(UploadGone):
        job.handler.poll(job.context, checkpoint(job))
    with pytest.raises(UploadGone):
        job.handler.send(job.context, checkpoint(job))
    assert control.calls(UPLOAD) == []
    job.carry_through()
    assert len(control.posts()) == 1


def test_late_id_is_followed_up_for_a_day(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", None, "late_post_id", seconds=7200)
    job = make_job(control, video)
    assert job.carry_through() == Published(None, follow_up=True)
    control.advance(3600)
    upload = checkpoint(job)
    assert job.handler.follow_up(job.context, upload, None) == Published(None, follow_up=True)
    control.advance(3700)
    followed = job.handler.follow_up(job.context, upload, None)
    [post] = control.posts()
    assert followed == Published(post["id"], post["url"])


def test_missing_id_is_not_followed_up_after_a_day(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", None, "late_post_id")
    job = make_job(control, video)
    job.carry_through()
    control.advance(24 * 3600)
    assert job.handler.follow_up(job.context, checkpoint(job), None) == Published(None)


def test_follow_up_of_a_known_post_makes_no_call(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.carry_through()
    before = len(control.calls())
    found = job.handler.follow_up(job.context, checkpoint(job), "7")
    assert found == Published("7", f"https://www.tiktok.com/@{job.access.username}/video/7")
    assert len(control.calls()) == before


@pytest.mark.parametrize("code", ["invalid_publish_id", "scope_not_authorized"])
def test_follow_up_that_is_refused_leaves_the_post_as_it_is(
    control: Sandbox, video: bytes, code: str
) -> None:
    job = make_job(control, video)
    job.carry_through()
    control.fault("TIKTOK", STATUS, "error", code=code)
    assert job.handler.follow_up(job.context, checkpoint(job), None) == Published(None)


def test_checkpoint_survives_a_json_round_trip(control: Sandbox, video: bytes) -> None:
    upload = checkpoint(opened(make_job(control, video)))
    assert TikTokUpload.load(upload.dump()) == upload
    assert all(
        value is None or isinstance(value, (str, int, float)) for value in upload.dump().values()
    )
