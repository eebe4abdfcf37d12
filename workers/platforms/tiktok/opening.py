"""Opening a TikTok upload: creator and draft checks, then a publish id and an upload URL.

https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workers.errors import RequestRefused, Transient, VideoRefused
from workers.platforms.addresses import may_send_to
from workers.platforms.base import Access, Api, Context, Draft
from workers.platforms.fields import text, whole
from workers.platforms.tiktok import codes
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.fields import flag, texts
from workers.platforms.tiktok.upload import UPLOAD_URL_SECONDS, ChunkPlan, TikTokUpload

INIT = "post/publish/video/init/"
#: TikTok's other levels restrict the audience to followers or friends; none is link-only.
PRIVACY_LEVELS: Mapping[str, str] = {"public": "PUBLIC_TO_EVERYONE", "private": "SELF_ONLY"}
#: Our options that are passed on unchanged, with TikTok's field names.
OPTION_FIELDS: Mapping[str, str] = {
    "coverTimestampMs": "video_cover_timestamp_ms",
    "brandContentToggle": "brand_content_toggle",
    "brandOrganicToggle": "brand_organic_toggle",
    "isAigc": "is_aigc",
}
#: Our option, TikTok's field, the creator's own setting, and the word for people.
INTERACTIONS = (
    ("disableComment", "disable_comment", "comment_disabled", "comments"),
    ("disableDuet", "disable_duet", "duet_disabled", "duets"),
    ("disableStitch", "disable_stitch", "stitch_disabled", "stitches"),
)


@dataclass(frozen=True)
class Creator:
    """What the account may post now. `max_seconds` is None if TikTok names no limit."""

    username: str
    privacy_levels: tuple[str, ...]
    max_seconds: int | None
    disabled: frozenset[str]


def check_scope(access: Access) -> None:
    """Raise `AccountRefused` if the account's scopes do not allow posts."""
    if access.scopes and codes.PUBLISH_SCOPE not in access.scopes:
        raise codes.PUBLISH_SCOPE_MISSING.error_for(
            codes.SCOPE_MISSING, "the account was connected without the permission to post"
        )


def open_upload(client: Client, context: Context) -> TikTokUpload:
    """Open an upload; raise why TikTok would not accept the post.

    Without bytes nothing can be published, so a lost response does no harm.
    """
    upload, post_info = prepare(client, context)
    plan = upload.plan
    data = client.post(
        INIT,
        {
            "post_info": post_info,
            "source_info": {
                "source": "FILE_UPLOAD",
                "video_size": upload.size_bytes,
                "chunk_size": plan.chunk_bytes,
                "total_chunk_count": plan.count,
            },
        },
    )
    return replace(upload, publish_id=publish_id_of(data), upload_url=_upload_url(client.api, data))


def prepare(client: Client, context: Context) -> tuple[TikTokUpload, dict[str, Any]]:
    """Check the draft against what the account may post now; return what to request.

    Returns an upload that has no id yet, and the `post_info` of the init request. Raises why
    TikTok would not accept the post.
    """
    draft, size_bytes = context.draft, context.source.size_bytes
    if size_bytes <= 0:
        raise VideoRefused("empty_file", "the video file is empty", hint="Upload it again")
    privacy_level = _privacy_level(draft)
    creator = read_creator(client)
    if creator.max_seconds:
        context.journal.learn_limit(creator.max_seconds)
    _check_draft(draft, creator, privacy_level)
    upload = TikTokUpload(
        publish_id="",
        upload_url="",
        expires_at=context.now().timestamp() + UPLOAD_URL_SECONDS,
        size_bytes=size_bytes,
        chunk_bytes=ChunkPlan.of(size_bytes).chunk_bytes,
        privacy_level=privacy_level,
        username=creator.username or context.access.username,
        overridden=_overridden(draft, creator),
    )
    return upload, _post_info(draft, creator, privacy_level)


def _privacy_level(draft: Draft) -> str:
    level = PRIVACY_LEVELS.get(draft.privacy)
    if level is None:
        raise RequestRefused(
            "privacy_not_offered",
            f"TikTok has no privacy level like {draft.privacy}",
            hint="Choose public or private",
        )
    return level


def read_creator(client: Client) -> Creator:
    """Read what the account may post now, as TikTok requires before each post.

    It refuses when a cap is reached.
    https://developers.tiktok.com/doc/content-sharing-guidelines
    https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
    """
    data = client.post("post/publish/creator_info/query/")
    levels = texts(data, "privacy_level_options")
    if not levels:
        raise Transient("bad_answer", "TikTok did not say what the account may post")
    return Creator(
        username=text(data, "creator_username"),
        privacy_levels=levels,
        max_seconds=whole(data, "max_video_post_duration_sec"),
        disabled=frozenset(setting for _, _, setting, _ in INTERACTIONS if flag(data, setting)),
    )


def _check_draft(draft: Draft, creator: Creator, privacy_level: str) -> None:
    if privacy_level not in creator.privacy_levels:
        raise RequestRefused(
            "privacy_level_option_mismatch",
            f"the TikTok account does not allow {draft.privacy} posts",
            hint=codes.ERRORS["privacy_level_option_mismatch"].hint,
        )
    if creator.max_seconds and draft.duration_seconds > creator.max_seconds:
        raise VideoRefused(
            "duration_check_failed",
            f"the video has {draft.duration_seconds:.1f} s, and the TikTok account may post"
            f" {creator.max_seconds} s",
            hint="Cut the video, or ask TikTok for longer ones in its app",
        )
    if draft.options.get("brandContentToggle") and privacy_level == "SELF_ONLY":
        raise RequestRefused(
            "branded_content_private",
            "TikTok accepts no private posts with a paid partnership",
            hint="Post publicly, or without the paid partnership",
        )


def _post_info(draft: Draft, creator: Creator, privacy_level: str) -> dict[str, Any]:
    info: dict[str, Any] = {"privacy_level": privacy_level}
    if draft.text:
        info["title"] = draft.text
    for option, name in OPTION_FIELDS.items():
        if draft.options.get(option) is not None:
            info[name] = draft.options[option]
    for option, name, setting, _ in INTERACTIONS:
        if setting in creator.disabled:
            info[name] = True  # the account's settings override a post's
        elif draft.options.get(option) is not None:
            info[name] = draft.options[option]
    return info


def _overridden(draft: Draft, creator: Creator) -> str:
    return ", ".join(
        word
        for option, _, setting, word in INTERACTIONS
        if setting in creator.disabled and draft.options.get(option) is False
    )


def publish_id_of(data: Mapping[str, Any]) -> str:
    """Return the publish id in a response; raises `Transient` if there is none."""
    publish_id = text(data, "publish_id")
    if not publish_id:
        raise Transient("bad_answer", "TikTok gave no publish id")
    return publish_id


def _upload_url(api: Api, data: Mapping[str, Any]) -> str:
    """Return the upload URL, on whatever host TikTok names, but only over https."""
    url = text(data, "upload_url")
    if not may_send_to(url, api.url, below=None):
        raise Transient("bad_upload_url", "TikTok named no usable upload URL")
    return url
