"""The buttons of a job's page. Each does the same as the API call of its name."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from app.admin.blueprint import blueprint, done, read_values, refused
from app.admin.filters import now
from app.admin.jobs import require_story
from app.checks.links import post_link_faults
from app.publishing import steer
from app.publishing.errors import WrongState
from app.schemas.publish import ResolveSchema

#: Fields of the form that are passed to the schema unchanged.
_POST_FIELDS = ("platformPostId", "url")


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Any:
    """Cancel a job: at once, or at its worker's next safe point."""
    require_story(job_id)
    try:
        job = steer.cancel(job_id, now())
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    message = (
        "The job will be cancelled before it is published"
        if job.cancel_requested
        else "The job is cancelled"
    )
    return done(message, "admin.job", job_id=job_id)


@blueprint.post("/jobs/<job_id>/retry")
def retry(job_id: str) -> Any:
    """Retry a failed job from its checkpoint."""
    require_story(job_id)
    try:
        steer.retry(job_id, now())
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    return done("The job continues from where it stopped", "admin.job", job_id=job_id)


@blueprint.post("/jobs/<job_id>/resolve")
def resolve(job_id: str) -> Any:
    """Record the operator's decision on a job whose outcome is unknown."""
    platform = require_story(job_id).view.job.platform
    live = {"yes": True, "no": False}.get(request.form.get("live", ""))
    if live is None:
        return refused("Say whether the post is live", "admin.job", job_id=job_id)
    fields = {name: request.form.get(name, "") for name in _POST_FIELDS if live}
    try:
        decision = read_values(ResolveSchema, {**fields, "live": live})
        for path, messages in post_link_faults(platform, decision["url"]).items():
            raise BadRequest(f"{path}: {' '.join(messages)}")
        decision.pop("live")
        steer.resolve(job_id, now(), is_live=live, **decision)
    except BadRequest as error:
        return refused(str(error.description), "admin.job", job_id=job_id)
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    message = (
        "The post is recorded as live"
        if live
        else "The post is not live; the job can be retried now"
    )
    return done(message, "admin.job", job_id=job_id)
