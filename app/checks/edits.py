"""Checks an edit: the resulting post is checked like a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.checks.posts import UncheckedPost, check_post
from app.database.transaction import transaction
from app.faults import Faults
from app.models import PublishJob
from app.publishing.steer import CONTENT


def edit_faults(
    job: PublishJob, changes: Mapping[str, Any], schema_faults: Faults, now: datetime
) -> Faults:
    """Return what is wrong with an edit of a job.

    Unchanged content is checked again, since fields are checked in combination. Its unchanged
    time, account and video are not: their present state is no fault of the edit. Reads the
    database once.
    """
    values = content_of(job)
    if "share_to_feed" not in changes:
        del values["share_to_feed"]  # every job has one, though only Instagram's may be requested
    values.update(platform=job.platform, video_id=job.video_id, account_id=job.account_id)
    values.update(changes)
    with transaction():
        faults = check_post(UncheckedPost(job.user_id, values, schema_faults, now)).faults
    found = {
        path: messages for path, messages in faults.items() if path not in ("accountId", "videoId")
    }
    return {**schema_faults, **found}


def content_of(job: PublishJob) -> dict[str, Any]:
    """Return the content of a job, with which an edit is checked."""
    return {name: getattr(job, name) for name in CONTENT}


def columns_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid edit by column of the row."""
    columns = {name: value for name, value in changes.items() if name != "options"}
    return {**columns, **changes.get("options", {})}
