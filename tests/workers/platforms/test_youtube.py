"""The YouTube handler against the sandbox: successful runs, and what they send."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from tests.workers.platforms.support import Sandbox, Stopped
from tests.workers.platforms.youtube_job import (
    DRAFT,
    SESSION,
    UPLOAD,
    VIDEOS,
    checkpoint,
    make_job,
    ranges,
    read_video,
    received_bytes,
)
from workers.errors import AccountRefused, Ambiguous
from workers.platforms.results import Processing, Published
from workers.platforms.youtube.upload import (
    CHUNK_BYTES,
    CHUNK_MAX_BYTES,
    CHUNK_UNIT_BYTES,
    YouTubeUpload,
)


def test_upload_arrives_byte_for_byte(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video)
    published = job.carry_through()
    [post] = control.posts()
    assert published == Published(post["id"], f"https://www.youtube.com/watch?v={post['id']}")
    assert post["sha256"] == sha256(long_video).hexdigest()
    assert (post["title"], post["caption"], post["privacy"]) == (
        "A title",
        "A description #shorts",
        "public",
    )
    assert received_bytes(control) == len(long_video)
    assert job.journal.sent_bytes[-1] == len(long_video)
    assert job.errors == []
    assert job.source.open_streams == 0
    assert job.source.largest_read < 1_000_000


def test_fresh_upload_starts_without_a_read(control: Sandbox, video: bytes) -> None:
    make_job(control, video).run()
    assert control.call_names() == [SESSION, UPLOAD]


@pytest.mark.parametrize(
    ("size", "chunk"),
    [
        (1, CHUNK_BYTES),
        (16 * CHUNK_BYTES, CHUNK_BYTES),
        (16 * CHUNK_BYTES + 1, CHUNK_BYTES + CHUNK_UNIT_BYTES),
        (1_000_000_000, 62_652_416),
        (256 * 2**30, CHUNK_MAX_BYTES),
    ],
)
def test_chunks_grow_with_the_file_within_bounds(size: int, chunk: int) -> None:
    upload = YouTubeUpload("https://session", size, "film.mp4", 0.0)
    assert upload.chunk_bytes == chunk
    assert chunk % CHUNK_UNIT_BYTES == 0


def test_chunks_are_equal_and_the_last_one_is_committed_first(
    control: Sandbox, long_video: bytes
) -> None:
    job = make_job(control, long_video)
    job.run()
    size = len(long_video)
    assert CHUNK_BYTES % CHUNK_UNIT_BYTES == 0
    assert ranges(control) == [
        f"bytes 0-{CHUNK_BYTES - 1}/{size}",
        f"bytes {CHUNK_BYTES}-{2 * CHUNK_BYTES - 1}/{size}",
        f"bytes {2 * CHUNK_BYTES}-{size - 1}/{size}",
    ]
    assert job.source.ranges == [(0, size)]  # the store is read through, whatever the chunks
    kinds = [kind for kind, _ in job.journal.saved]
    assert kinds == ["save", "save", "commit", "save", "save"]
    assert dict(job.journal.saved)["commit"]["final_started_at"] is not None


def test_session_address_is_kept_until_the_id_is_stored(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    assert [kind for kind, _ in job.journal.saved] == ["save", "commit", "save", "save"]
    for _, fields in job.journal.saved:
        assert bool(fields["session_uri"]) != bool(fields["video_id"])


def test_cancellation_before_the_last_chunk_leaves_nothing_live(
    control: Sandbox, long_video: bytes
) -> None:
    job = make_job(control, long_video)
    job.journal.stop_at_commit = True
    with pytest.raises(Stopped):
        job.run()
    assert control.posts() == []
    assert job.source.open_streams == 0
    assert len(control.calls(UPLOAD)) == 2


def test_upload_stopped_within_a_chunk_is_resumed(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video)
    job.journal.stop_at_bytes = CHUNK_BYTES + 1_000_000
    with pytest.raises(Stopped):
        job.run()
    assert job.source.open_streams == 0
    job.journal.stop_at_bytes = None
    job.carry_through()
    [post] = control.posts()
    assert post["sha256"] == sha256(long_video).hexdigest()
    assert received_bytes(control) == len(long_video)


def test_options_reach_the_video(control: Sandbox, video: bytes) -> None:
    options = {
        "tags": ["one", "two words"],
        "categoryId": "27",
        "madeForKids": True,
        "containsSyntheticMedia": True,
        "license": "creativeCommon",
        "embeddable": False,
        "publicStatsViewable": False,
        "notifySubscribers": False,
        "defaultLanguage": "de",
        "recordingDate": "2026-01-31",
    }
    job = make_job(control, video, draft=replace(DRAFT, privacy="unlisted", options=options))
    video_id = job.carry_through().post_id or ""
    snippet = read_video(control, job, video_id, "snippet")
    status = read_video(control, job, video_id, "status")
    assert snippet["tags"] == ["one", "two words"]
    assert (snippet["categoryId"], snippet["defaultLanguage"]) == ("27", "de")
    assert status["selfDeclaredMadeForKids"] is True
    assert status["containsSyntheticMedia"] is True
    assert (status["license"], status["privacyStatus"]) == ("creativeCommon", "unlisted")
    assert (status["embeddable"], status["publicStatsViewable"]) == (False, False)
    recorded = read_video(control, job, video_id, "recordingDetails")
    assert recorded == {"recordingDate": "2026-01-31T00:00:00Z"}


def test_made_for_kids_is_always_set(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    video_id = job.carry_through().post_id or ""
    assert read_video(control, job, video_id, "status")["selfDeclaredMadeForKids"] is False


def test_job_marker_is_only_in_the_file_name(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    video_id = job.carry_through().post_id or ""
    assert read_video(control, job, video_id, "fileDetails")["fileName"] == "01JOB.mp4"
    assert "01JOB" not in str(read_video(control, job, video_id, "snippet"))


def test_privacy_that_youtube_locked_becomes_a_warning(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, account=control.account("YOUTUBE", audited=False))
    published = job.carry_through()
    assert len(published.warnings) == 1
    assert "private instead of public" in published.warnings[0]


def test_missing_permission_to_upload_is_refused_before_any_call(
    control: Sandbox, video: bytes
) -> None:
    scopes = ["https://www.googleapis.com/auth/youtube.readonly"]
    job = make_job(control, video, account=control.account("YOUTUBE", scopes=scopes))
    with pytest.raises(AccountRefused) as raised:
        job.run()
    assert (raised.value.code, raised.value.reconnect) == ("upload_scope_missing", True)
    assert control.call_names() == []


def test_missing_permission_to_read_does_not_fail_a_live_video(
    control: Sandbox, video: bytes
) -> None:
    scopes = ["https://www.googleapis.com/auth/youtube.upload"]
    job = make_job(control, video, account=control.account("YOUTUBE", scopes=scopes))
    published = job.carry_through()
    assert published.post_id == control.posts()[0]["id"]
    assert "insufficientPermissions" in published.warnings[0]


def test_poll_interval_grows_while_youtube_processes(control: Sandbox, video: bytes) -> None:
    control.fault("YOUTUBE", None, "stuck_processing", seconds=7200)
    job = make_job(control, video)
    job.run()
    pauses = []
    for seconds in (0, 100, 900):
        control.advance(seconds)
        found = job.run()
        assert isinstance(found, Processing)
        pauses.append(round(found.next_poll_seconds))
        assert found.percent == 50
    assert pauses == [1, 25, 120]


def test_endless_processing_ends_as_published_and_is_followed_up(
    control: Sandbox, video: bytes
) -> None:
    control.fault("YOUTUBE", None, "stuck_processing")
    job = make_job(control, video, account=control.account("YOUTUBE", token_seconds=200_000))
    job.run()
    control.advance(86_401)
    published = job.run()
    assert isinstance(published, Published)
    assert published.follow_up
    assert published.warnings == ("YouTube is still processing the video",)


def test_video_not_shown_yet_is_polled_and_then_left_to_a_person(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    job.run()
    control.fault("YOUTUBE", VIDEOS, "error", status=200, body={"items": []}, times=3)
    assert isinstance(job.run(), Processing)
    control.advance(901)
    with pytest.raises(Ambiguous):
        job.run()


def test_follow_up_reports_what_happened_to_a_live_video(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    published = job.carry_through()
    again = job.handler.follow_up(job.context, checkpoint(job), published.post_id)
    assert again == published
    rejected = {"uploadStatus": "rejected", "rejectionReason": "copyright"}
    body = {"items": [{"id": published.post_id, "status": rejected}]}
    control.fault("YOUTUBE", VIDEOS, "error", status=200, body=body)
    again = job.handler.follow_up(job.context, checkpoint(job), published.post_id)
    assert (again.post_id, again.follow_up) == (published.post_id, False)
    assert "copyright" in again.warnings[0]


@pytest.mark.parametrize("code", ["forbidden", "insufficientPermissions", "badRequest"])
def test_follow_up_never_fails_a_live_video(control: Sandbox, video: bytes, code: str) -> None:
    job = make_job(control, video)
    published = job.carry_through()
    control.fault("YOUTUBE", VIDEOS, "error", code=code)
    again = job.handler.follow_up(job.context, checkpoint(job), published.post_id)
    assert again == published
