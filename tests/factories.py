"""Factories of rows, as the API creates them. Call them in an application context."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.models import Account, PublishJob, Video
from app.publishing.create import NewJob, create_jobs
from app.states import AccountState, VideoState

#: The probe of a video that every platform accepts.
FITTING_PROBE: dict[str, Any] = {
    "content_type": "video/mp4",
    "container": "mp4",
    "brand": "isom",
    "size_bytes": 1000,
    "duration_seconds": 10.0,
    "bit_rate": 800,
    "video_codec": "h264",
    "profile": "High",
    "width": 720,
    "height": 1280,
    "rotation": 0,
    "pixel_ratio": 1.0,
    "frame_rate": 30.0,
    "is_variable_rate": False,
    "is_interlaced": False,
    "pixel_format": "yuv420p",
    "bit_depth": 8,
    "transfer": "bt709",
    "audio_codec": "aac",
    "audio_channels": 2,
    "audio_sample_rate": 48000,
    "moov_first": True,
    "has_edit_list": False,
    "edit_list_cuts": False,
}


def make_account(platform: str = "TIKTOK", user_id: str = "alice", **columns: Any) -> Account:
    """Store a connected account."""
    account = Account(
        **{
            "user_id": user_id,
            "platform": platform,
            "platform_user_id": f"platform-user-{new_id()}",
            "username": user_id,
            "access_token": f"token-{new_id()}",
            "refresh_token": f"refresh-{new_id()}",
            "expires_at": utcnow() + timedelta(days=60),
            "state": AccountState.ACTIVE,
            **columns,
        }
    )
    with transaction() as session:
        session.add(account)
    return account


def make_video(user_id: str = "alice", **columns: Any) -> Video:
    """Store a probed video; its object is not in the store."""
    video = Video(
        **{
            "user_id": user_id,
            "r2_key": f"videos/{new_id()}.mp4",
            "title": "A video",
            "state": VideoState.READY,
            "etag": "etag",
            "file_size": FITTING_PROBE["size_bytes"],
            "duration_seconds": FITTING_PROBE["duration_seconds"],
            "format": "mp4",
            "resolution": "720x1280",
            "probe": FITTING_PROBE,
            **columns,
        }
    )
    with transaction() as session:
        session.add(video)
    return video


def make_job(
    platform: str = "TIKTOK",
    *,
    now: datetime | None = None,
    account: Account | None = None,
    video: Video | None = None,
    **fields: Any,
) -> PublishJob:
    """Accept a post, with an account and a video of its own unless given."""
    now = now or utcnow()
    account = account or make_account(platform)
    video = video or make_video(account.user_id)
    new = NewJob(
        **{
            "user_id": account.user_id,
            "account_id": account.id,
            "video_id": video.id,
            "platform": platform,
            "caption": "Hello",
            "privacy_level": "public",
            "priority": 5,
            "due_at": now,
            **fields,
        }
    )
    return create_jobs([new], now)[0]
