"""Builds the JSON representations of jobs, alike in every response that contains one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.api.auth import current_user
from app.api.errors import NotFound
from app.clock import to_iso
from app.config import current_config
from app.failures import Category
from app.limits import pauses
from app.models import PublishedPost, PublishJob, TimelineEntry
from app.platforms import PLATFORMS
from app.queries.jobs import JobView, find_job
from app.schemas.publish_responses import without_missing
from app.states import JobState

#: Categories in which another attempt may succeed, by itself or after the account is reconnected.
_RETRYABLE = frozenset(Category) - {Category.VIDEO, Category.REQUEST, Category.AMBIGUOUS}
#: Codes of other categories in which it may, as the video can be put back or is another by now.
_RETRYABLE_CODES = frozenset({"video_missing", "video_changed"})


def status_of(view: JobView, now: datetime) -> dict[str, Any]:
    """Return a job's status as `StatusSchema` dumps it."""
    job, state = view.job, view.job.state_at(now)
    return {
        "id": job.id,
        "job_id": job.id,
        "batch_id": job.batch_id,
        "state": state.value,
        "progress": job.progress,
        "step": job.step.value if job.step else None,
        "data": request_of(job),
        "result": _result_of(view.post),
        "failed_reason": job.error_message if state is JobState.FAILED else None,
        "error": _error_of(job, state),
        "attempts_made": job.attempts_made,
        "attempts": job.max_attempts,
        "next_attempt_at": _next_attempt_at(job, state),
        "scheduled_time": job.scheduled_time,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def story_of(view: JobView, now: datetime) -> dict[str, Any]:
    """Return a job's status and timeline as `JobSchema` dumps them."""
    entries = [_entry(entry) for entry in view.timeline]
    waits = [entry for entry in entries if entry["kind"] == "wait" and entry["ended_at"] is None]
    return {
        **status_of(view, now),
        "waiting": waits[-1] if waits else None,
        "timeline": entries,
    }


def accepted_of(job: PublishJob, now: datetime) -> dict[str, Any]:
    """Return a newly accepted job as `AcceptedSchema` dumps it."""
    is_scheduled = job.scheduled_time is not None
    response = {
        "job_id": job.id,
        "state": job.state_at(now).value,
        "message": "Post scheduled" if is_scheduled else "Publishing in progress",
        "scheduled_time": job.scheduled_time,
        "links": {"self": link_to(job.id), "status": f"{link_to(job.id)}/status"},
    }
    return without_missing(response)


def batch_of(jobs: Sequence[PublishJob]) -> dict[str, Any]:
    """Return a newly accepted batch as `BatchAcceptedSchema` dumps it."""
    return {
        "batch_id": jobs[0].batch_id,
        "jobs": [{"job_id": job.id, "scheduled_time": job.scheduled_time} for job in jobs],
    }


def require_job(job_id: str, *, with_timeline: bool = False) -> JobView:
    """Return one of the current user's jobs; raises `NotFound`."""
    view = find_job(current_user(), job_id, with_timeline=with_timeline)
    if view is None:
        raise NotFound("Job not found")
    return view


def link_to(job_id: str) -> str:
    """Return the URL of a job."""
    return f"{current_config().public_url}/api/publish/{job_id}"


def request_of(job: PublishJob) -> dict[str, Any]:
    """Return a job's request as JSON, with defaults filled in, as `RequestSchema` describes it."""
    request: dict[str, Any] = {
        "videoId": job.video_id,
        "platform": job.platform,
        "accountId": job.account_id,
        "caption": job.caption,
        "hashtags": job.hashtags,
        "privacyLevel": job.privacy_level,
        "platformOptions": job.platform_options,
        "scheduledTime": to_iso(job.scheduled_time) if job.scheduled_time else None,
        "options": {
            "priority": job.priority,
            "attempts": job.max_attempts,
            "backoff": {"type": job.backoff_type, "delay": job.backoff_delay_ms},
            "removeOnComplete": job.remove_on_complete,
            "removeOnFail": job.remove_on_fail,
        },
    }
    if PLATFORMS[job.platform].has_feed:
        request["shareToFeed"] = job.share_to_feed
    return request


def _next_attempt_at(job: PublishJob, state: JobState) -> datetime | None:
    """Return when a delayed job continues; None while its platform is paused."""
    if state is not JobState.DELAYED or pauses.is_paused(job):
        return None
    return job.due_at


def _result_of(post: PublishedPost | None) -> dict[str, Any] | None:
    if post is None:
        return None
    return {
        "platform_post_id": post.platform_post_id,
        "url": post.url,
        "platform": post.platform,
    }


def _error_of(job: PublishJob, state: JobState) -> dict[str, Any] | None:
    """Return why a job failed or is delayed; None while an attempt is still running."""
    if job.error_code is None or state not in (JobState.DELAYED, JobState.FAILED):
        return None
    return {
        "code": job.error_code,
        "category": job.error_category,
        "message": job.error_message,
        "hint": job.error_hint or "",
        "retryable": state is JobState.DELAYED or _may_succeed(job),
    }


def _may_succeed(job: PublishJob) -> bool:
    return job.error_category in _RETRYABLE or job.error_code in _RETRYABLE_CODES


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    error = {
        "code": entry.error_code,
        "category": entry.error_category,
        "message": entry.error_message,
    }
    return {
        "kind": entry.kind,
        "name": entry.name,
        "attempt": entry.attempt,
        "started_at": entry.started_at,
        "ended_at": entry.ended_at,
        "until": entry.until,
        "outcome": entry.outcome,
        "error": error if entry.error_message is not None else None,
    }
