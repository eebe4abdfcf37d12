"""YouTube after the last byte: the video exists at once, and is processed afterwards."""

from sandbox.core import ids, processing
from sandbox.core.accounts import Account
from sandbox.core.posts import Post
from sandbox.core.probe import StoredVideo
from sandbox.core.world import World
from sandbox.youtube.rules import DEFAULT_CATEGORY, check_publish_at
from sandbox.youtube.state import Session, YouTubeState

MAX_SECONDS = 12 * 3600
MAX_UNVERIFIED_SECONDS = 15 * 60
MIN_SIDE = 16
CONTAINERS = frozenset("mov mp4 3gp m4a mpeg mpegts mpegvideo avi asf flv webm matroska".split())


def find_failure(account: Account, video: StoredVideo) -> str | None:
    """Return why YouTube will not process a video; it accepts nearly everything."""
    probe = video.probe
    if probe is None:
        return "invalidFile"
    if not probe.containers & CONTAINERS:
        return "codec"
    if min(probe.width, probe.height) < MIN_SIDE:
        return "tooSmall"
    limit = MAX_SECONDS if account.options.long_uploads else MAX_UNVERIFIED_SECONDS
    return "length" if probe.duration_seconds > limit else None


def finish(world: World, session: Session) -> None:
    """Create the video of a complete upload."""
    video = processing.inspect(session.received)
    account, now = session.account, world.clock.now()
    failure = find_failure(account, video)
    outcome = processing.begin(world, "YOUTUBE", account.id, failure)
    snippet = {"categoryId": DEFAULT_CATEGORY, **session.resource.get("snippet", {})}
    status = {"privacyStatus": "public", **session.resource.get("status", {})}
    is_locked = not world.is_audited(account, world.settings.youtube_audited)
    if is_locked:  # silently, as for every project that Google has not audited
        status = {**status, "privacyStatus": "private"}
    video_id = ids.secret(11)
    post = Post(
        platform="YOUTUBE",
        account=account.id,
        id=video_id,
        caption=snippet.get("description", ""),
        title=snippet.get("title", ""),
        privacy=status["privacyStatus"],
        video=video,
        published_at=now,
        url=f"https://www.youtube.com/watch?v={video_id}",
        failed=outcome.failure is not None,
        source=session.upload_id[:8],
        resource={
            "snippet": snippet,
            "status": status,
            "recordingDetails": session.resource.get("recordingDetails", {}),
            "localizations": session.resource.get("localizations", {}),
            "processing": outcome,
            "file_name": session.file_name,
            "publish_at": None if is_locked else check_publish_at(status),
            "channel_title": account.username,
            "hide_counts": account.options.hide_counts,
        },
    )
    with world.lock:
        world.part(YouTubeState).channel_uploads.add(account.id, now)
        session.post = post
    world.publish(post)
