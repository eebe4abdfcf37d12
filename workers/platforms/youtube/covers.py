"""The custom thumbnail of a YouTube video: the frame that the owner chose.

Trouble with it never fails the post.
https://developers.google.com/youtube/v3/docs/thumbnails/set
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import (
    OutcomeUnknown,
    PublishError,
    RateLimited,
    TokenExpired,
    Transient,
    VideoRefused,
)
from workers.platforms.base import Context, Draft
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.upload import COVER_SET, YouTubeUpload

#: https://developers.google.com/youtube/v3/determine_quota_cost
COVER_UNITS = 50
#: How often a cover is tried, poll by poll, while what goes wrong may pass.
COVER_TRIES = 4
#: A video may be unknown in its first minutes, as it is to `videos.list`.
NOT_KNOWN_YET = "videoNotFound"
_OPTION = "coverTimestampMs"


def set_cover(client: Client, context: Context, upload: YouTubeUpload) -> None:
    """Set the video's thumbnail if one was chosen and is not set yet; store the outcome.

    Setting it twice does no harm, so a lost response or a crash before the outcome is stored
    costs only quota. A failure is stored as a sentence for the owner, and the next poll tries
    again if it may pass. Only `TokenExpired` is raised, and only of the first try: a refused token
    may have expired, but one that is refused again must not keep the video from being polled.
    """
    at_ms = context.draft.options.get(_OPTION)
    is_over = upload.cover == COVER_SET or upload.cover_tries >= COVER_TRIES
    if upload.video_id is None or at_ms is None or is_over:
        return
    try:
        _upload_cover(client, context, upload.video_id, at_ms)
    except PublishError as error:
        tries = upload.cover_tries + 1 if _may_pass(error) else COVER_TRIES
        failure = f"the cover was not set ({error.code}): {error.detail}"
        context.journal.save(replace(upload, cover=failure, cover_tries=tries))
        if isinstance(error, TokenExpired) and upload.cover_tries == 0:
            raise
    else:
        context.journal.save(replace(upload, cover=COVER_SET))


def cover_warnings(draft: Draft, upload: YouTubeUpload) -> tuple[str, ...]:
    """Return a warning if a chosen cover is not set."""
    if draft.options.get(_OPTION) is None or upload.cover == COVER_SET:
        return ()
    return (upload.cover or "the cover was not set",)


def _upload_cover(client: Client, context: Context, video_id: str, at_ms: int) -> None:
    image = context.cover(at_ms)
    if image is None:
        raise VideoRefused("no_frame", "the video has no frame at that position")
    client.spend_units(COVER_UNITS)
    response = client.request(
        "POST",
        f"{client.api.url}/upload/youtube/v3/thumbnails/set",
        params={"videoId": video_id},
        headers={"Content-Type": "image/jpeg"},
        data=image,
    )
    if response.status != 200:
        raise client.api_error(response)


def _may_pass(error: PublishError) -> bool:
    is_passing = isinstance(error, (Transient, OutcomeUnknown, RateLimited, TokenExpired))
    return is_passing or error.code == NOT_KNOWN_YET
