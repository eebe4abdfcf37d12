"""TikTok after the last byte: checks the video, then posts it without another call."""

from datetime import timedelta

from sandbox.core import ids, processing
from sandbox.core.posts import Post
from sandbox.core.probe import StoredVideo
from sandbox.core.world import World
from sandbox.tiktok.state import Publish, TikTokState

CONTAINERS = {"mp4", "mov", "webm"}
CODECS = {"h264", "hevc", "vp8", "vp9"}
MAX_SECONDS = 600


def find_failure(publish: Publish, video: StoredVideo) -> str | None:
    """Return the failure reason of a video that breaks TikTok's rules (docs: Media Transfer)."""
    probe = video.probe
    if probe is None or not probe.containers & CONTAINERS or probe.video_codec not in CODECS:
        return "file_format_check_failed"
    limit = min(MAX_SECONDS, publish.account.options.max_video_post_duration_sec)
    if not 0 < probe.duration_seconds <= limit:
        return "duration_check_failed"
    if not 23 <= probe.frame_rate <= 60:
        return "frame_rate_check_failed"
    if not all(360 <= side <= 4096 for side in (probe.width, probe.height)):
        return "picture_size_check_failed"
    return None


def finish(world: World, publish: Publish) -> None:
    """Check the complete file; a good one goes live as soon as processing ends."""
    video = processing.inspect(publish.received)
    account = publish.account
    failure = "auth_removed" if account.revoked else find_failure(publish, video)
    outcome = processing.begin(world, "TIKTOK", account.id, failure)
    with world.lock:
        publish.processing = outcome
        if outcome.failure is not None or outcome.ready_at == processing.NEVER:
            return
        if not publish.is_draft:
            world.part(TikTokState).posts.add(account.id, world.clock.now())
            _post(world, publish, outcome, video)


def _post(
    world: World, publish: Publish, outcome: processing.Processing, video: StoredVideo
) -> None:
    late = world.faults.take_processing("TIKTOK", "late_post_id", publish.account.id)
    publish.post_id = str(ids.number(19))
    publish.post_id_at = outcome.ready_at + timedelta(seconds=world.settings.tiktok_post_id_seconds)
    if late is not None:
        wait = late.seconds
        publish.post_id_at = (
            processing.NEVER if wait is None else outcome.ready_at + timedelta(seconds=wait)
        )
    world.publish(
        Post(
            platform="TIKTOK",
            account=publish.account.id,
            id=publish.post_id,
            caption=publish.post_info.get("title", ""),
            privacy=publish.post_info["privacy_level"],
            video=video,
            published_at=outcome.ready_at,
            url=f"https://www.tiktok.com/@{publish.account.username}/video/{publish.post_id}",
            source=publish.id,
            resource={"is_aigc": bool(publish.post_info.get("is_aigc"))},
        )
    )
