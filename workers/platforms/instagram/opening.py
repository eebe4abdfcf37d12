"""Opening an Instagram upload: draft and quota checks, then a container.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
"""

from __future__ import annotations

import json
from datetime import timedelta

from workers.errors import (
    RateLimited,
    RequestRefused,
    Transient,
    VideoRefused,
)
from workers.platforms.addresses import may_send_to
from workers.platforms.base import Api, Context, Draft
from workers.platforms.fields import Fields, child, children, text, whole
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import QUOTA_WAIT_SECONDS, UNFETCHABLE
from workers.platforms.instagram.fields import identifier
from workers.platforms.instagram.logins import INSTAGRAM_LOGIN
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.sources import PADDING_SECONDS

DURATION_MIN_SECONDS = 3.0
DURATION_MAX_SECONDS = 15 * 60.0
COLLABORATORS_MAX = 3
_RESUMABLE = "resumable"
_META = ".facebook.com"


def open_upload(client: Client, context: Context) -> InstagramUpload:
    """Create a container for the draft. Publishes nothing; an orphaned container is invisible.

    Raises `RequestRefused` or `VideoRefused` for what Instagram cannot post, `RateLimited` if the
    account's publishing quota is used up.
    """
    _check_draft(context.draft)
    link = _video_link(client, context)
    _check_quota(client, context)
    try:
        return _make_container(client, context, link)
    except Transient as error:
        can_send = link is not None and client.login_type != INSTAGRAM_LOGIN
        if not can_send or error.code != UNFETCHABLE:
            raise
    # The store is not reachable from there: send the bytes instead.
    return _make_container(client, context, None)


def _make_container(client: Client, context: Context, link: str | None) -> InstagramUpload:
    """Create a container that fetches the video by `link`, or without one awaits its bytes."""
    video = {"video_url": link} if link else {"upload_type": _RESUMABLE}
    user_id = context.access.platform_user_id
    context.budget.spend("containers")
    response = client.post(f"{user_id}/media", {**_parameters(context.draft), **video})
    container_id = identifier(response, "id")
    if container_id is None:
        raise Transient("bad_answer", "Instagram did not say where to put the video")
    now = context.now().timestamp()
    return InstagramUpload(
        container_id=container_id,
        upload_url="" if link else _upload_url(client.api, response),
        created_at=now,
        moved_at=now,
        caption=context.draft.text,
    )


def _check_draft(draft: Draft) -> None:
    if draft.privacy != "public":
        raise RequestRefused(
            "privacy_unsupported",
            "Instagram has no private or unlisted posts",
            hint="Choose the privacy level public",
        )
    length = draft.duration_seconds
    # 0 means that the duration is unknown; the platform decides then.
    longest = DURATION_MAX_SECONDS + PADDING_SECONDS
    if length and not DURATION_MIN_SECONDS <= length <= longest:
        raise VideoRefused(
            "duration_unsupported",
            f"Instagram accepts Reels of 3 seconds to 15 minutes, this one has {length:.1f} s",
            hint="Cut the video to fit",
        )
    _check_options(draft)


def _check_options(draft: Draft) -> None:
    offset = draft.options.get("thumbOffsetMs")
    if offset is not None and draft.duration_seconds and offset >= draft.duration_seconds * 1000:
        raise RequestRefused(
            "thumb_offset_out_of_range",
            "the cover frame lies beyond the end of the video",
            hint="Choose a thumbOffsetMs within the video",
        )
    if len(draft.options.get("collaborators") or ()) > COLLABORATORS_MAX:
        raise RequestRefused("too_many_collaborators", "Instagram takes at most 3 collaborators")


def _video_link(client: Client, context: Context) -> str | None:
    """Return the link by which Instagram is to fetch the video; None if we send the bytes.

    Byte uploads are documented for Facebook Login only, so Instagram Login always fetches.
    https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
    """
    if client.login_type != INSTAGRAM_LOGIN and not client.api.fetches:
        return None
    link = context.source.public_url
    if link is None and client.login_type == INSTAGRAM_LOGIN:
        raise VideoRefused(
            "video_url_required",
            "accounts connected through Instagram Login can only post videos by a public link",
            hint="The video store must be reachable from outside, "
            "or connect the account through Facebook Login",
        )
    return link


def read_quota(client: Client, user_id: str) -> tuple[int | None, int | None]:
    """Return how many posts the account has made and may make in 24 hours; None if not stated.

    A total of 0 states nothing: it would hold every post back for ever.

    https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/content_publishing_limit
    """
    path = f"{user_id}/content_publishing_limit"
    data = children(client.get(path, fields="quota_usage,config"), "data")
    if not data:
        return None, None
    return whole(data[0], "quota_usage"), whole(child(data[0], "config"), "quota_total") or None


def _check_quota(client: Client, context: Context) -> None:
    """Refuse early if the quota is used up; the platform itself checks it only at the end."""
    used, total = read_quota(client, context.access.platform_user_id)
    if total is not None:
        context.budget.report_posts_max(total)
    if used is not None and total is not None and used >= total:
        raise RateLimited(
            "publishing_quota",
            f"the account has made the {total} posts that Instagram accepts in 24 hours",
            retry_at=context.now() + timedelta(seconds=QUOTA_WAIT_SECONDS),
        )


def _parameters(draft: Draft) -> dict[str, str]:
    options = draft.options
    given = {
        "caption": draft.text or None,
        "cover_url": options.get("coverUrl"),
        "thumb_offset": options.get("thumbOffsetMs"),
        "audio_name": options.get("audioName"),
        "location_id": options.get("locationId"),
    }
    fields = {"media_type": "REELS", "share_to_feed": _flag(draft.share_to_feed)}
    fields.update({name: str(value) for name, value in given.items() if value is not None})
    if options.get("collaborators"):
        fields["collaborators"] = json.dumps(list(options["collaborators"]))
    if options.get("isAiGenerated") is not None:
        fields["is_ai_generated"] = _flag(options["isAiGenerated"])
    return fields


def _flag(value: object) -> str:
    return "true" if value else "false"


def _upload_url(api: Api, response: Fields) -> str:
    """Return the upload URL; only Meta's hosts, or the host we called, may see the token."""
    url = text(response, "uri")
    if not may_send_to(url, api.url, below=_META):
        raise Transient("bad_answer", "Instagram did not say where to put the video")
    return url
