"""Writing notifications, always inside the transaction of the change they report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.clock import to_iso
from app.failures import Failure
from app.models import Account, Notification, PublishedPost, PublishJob, Video
from app.models.notification import GIVE_UP_AFTER
from app.platforms import PLATFORMS

COMPLETED = "publish.completed"
FAILED = "publish.failed"
CANCELLED = "publish.cancelled"
AT_RISK = "publish.at_risk"
RECONNECT_REQUIRED = "account.reconnect_required"
#: Sent by `make doctor` and never stored.
PING = "doctor.ping"
EVENT_TYPES = (COMPLETED, FAILED, CANCELLED, AT_RISK, RECONNECT_REQUIRED)


def notify_completed(
    session: Session, job: PublishJob, post: PublishedPost, warnings: Sequence[str], now: datetime
) -> None:
    """Store `publish.completed`."""
    message = f"Your video is now live on {_platform_name(job.platform)}"
    data = _job_data(session, job, "Video Published!", message)
    data.update(platformPostId=post.platform_post_id, url=post.url, warnings=list(warnings))
    _store(session, COMPLETED, job.id, job.user_id, data, now)


def notify_failed(session: Session, job: PublishJob, failure: Failure, now: datetime) -> None:
    """Store `publish.failed`."""
    message = f"Failed to publish to {_platform_name(job.platform)}: {failure.message}"
    data = _job_data(session, job, "Publishing Failed", message)
    data["error"] = _error_data(failure)
    _store(session, FAILED, job.id, job.user_id, data, now)


def notify_cancelled(session: Session, job: PublishJob, now: datetime) -> None:
    """Store `publish.cancelled`."""
    message = f"Your post to {_platform_name(job.platform)} was cancelled"
    data = _job_data(session, job, "Publishing Cancelled", message)
    _store(session, CANCELLED, job.id, job.user_id, data, now)


def notify_at_risk(session: Session, job: PublishJob, risk: Failure, now: datetime) -> None:
    """Store `publish.at_risk`: a scheduled post will probably not go out in time."""
    message = f"Your post to {_platform_name(job.platform)} is at risk: {risk.message}"
    data = _job_data(session, job, "Publishing At Risk", message)
    data["error"] = _error_data(risk)
    assert job.scheduled_time is not None
    data["scheduledTime"] = to_iso(job.scheduled_time)
    _store(session, AT_RISK, job.id, job.user_id, data, now)


def notify_reconnect(session: Session, account: Account, failure: Failure, now: datetime) -> None:
    """Store `account.reconnect_required`."""
    platform = _platform_name(account.platform)
    data = {
        "accountId": account.id,
        "userId": account.user_id,
        "platform": account.platform,
        "username": account.username,
        "title": "Reconnect Required",
        "message": f"Please connect your {platform} account again: {failure.message}",
        "error": _error_data(failure),
    }
    _store(session, RECONNECT_REQUIRED, account.id, account.user_id, data, now)


def _job_data(session: Session, job: PublishJob, title: str, message: str) -> dict[str, Any]:
    video = session.get(Video, job.video_id)
    return {
        "jobId": job.id,
        "userId": job.user_id,
        "accountId": job.account_id,
        "videoId": job.video_id,
        "videoTitle": video.title if video is not None else "",
        "platform": job.platform,
        "title": title,
        "message": message,
        "platformPostId": None,
        "url": None,
        "error": None,
    }


def _error_data(failure: Failure) -> dict[str, str]:
    return {
        "code": failure.code,
        "category": failure.category.value,
        "message": failure.message,
        "hint": failure.hint,
    }


def _platform_name(platform: str) -> str:
    return PLATFORMS[platform].name


def _store(
    session: Session,
    kind: str,
    subject_id: str,
    user_id: str,
    data: dict[str, Any],
    now: datetime,
) -> None:
    body = {"type": kind, "timestamp": to_iso(now), "data": data}
    session.add(
        Notification(
            subject_id=subject_id,
            user_id=user_id,
            type=kind,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            due_at=now,
            created_at=now,
            give_up_at=now + GIVE_UP_AFTER,
        )
    )
