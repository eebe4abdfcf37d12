"""The custom thumbnail of a YouTube video: the frame that the owner chose.

Trouble with it never fails the post.
https://developers.google.com/youtube/v3/docs/thumbnails/set
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import PublishError, TokenExpired
from workers.platforms.base import Context
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.upload import COVER_SET, YouTubeUpload

#: https://developers.google.com/youtube/v3/determine_quota_cost
COVER_UNITS = 50


def set_cover(client: Client, context: Context, upload: YouTubeUpload) -> None:
    """Set the video's thumbnail if one was chosen and has not been tried; store the outcome.

    Setting it twice does no harm, so a lost response or a crash before the outcome is stored
    costs only quota. A failure is stored as a sentence for the owner; only `TokenExpired` is
    raised.
    """
    at_ms = context.draft.options.get("coverTimestampMs")
    if upload.video_id is None or upload.cover or at_ms is None:
        return
    outcome = _upload_cover(client, context, upload.video_id, at_ms)
    context.journal.save(replace(upload, cover=outcome))


def _upload_cover(client: Client, context: Context, video_id: str, at_ms: int) -> str:
    try:
        image = context.cover(at_ms)
        if image is None:
            return "the cover was not set: the video has no frame at that position"
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
    except TokenExpired:
        raise
    except PublishError as error:
        return f"YouTube did not accept the cover ({error.code}): {error.detail}"
    return COVER_SET
