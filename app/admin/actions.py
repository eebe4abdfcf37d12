"""The buttons of a job's page. Each does what the API's call of the same name does."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from app.admin.blueprint import blueprint, done, read_values, refused
from app.admin.jobs import require_story
from app.admin.words import now
from app.publishing import steer
from app.publishing.errors import WrongState
from app.schemas.publish import ResolveSchema

#: The fields of the form that go to the schema as they are.
_RESULT = ("platformPostId", "url")


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Any:
    """Cancel a job: at once, or at its worker's next safe point."""
    require_story(job_id)
    try:
        job = steer.cancel(job_id, now())
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    words = "It is cancelled before it is published" if job.cancel_requested else "It is cancelled"
    return done(words, "admin.job", job_id=job_id)


@blueprint.post("/jobs/<job_id>/retry")
def retry(job_id: str) -> Any:
    """Run a failed job again from where it stopped."""
    require_story(job_id)
    try:
        steer.retry(job_id, now())
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    return done("It goes on from where it stopped", "admin.job", job_id=job_id)


@blueprint.post("/jobs/<job_id>/resolve")
def resolve(job_id: str) -> Any:
    """Take the operator's word on a job whose outcome is unknown."""
    require_story(job_id)
    live = {"yes": True, "no": False}.get(request.form.get("live", ""))
    if live is None:
        return refused("Say whether it is live", "admin.job", job_id=job_id)
    given = {name: request.form.get(name, "") for name in _RESULT if live}
    try:
        word = read_values(ResolveSchema, {**given, "live": live})
        word.pop("live")
        steer.resolve(job_id, now(), is_live=live, **word)
    except BadRequest as error:
        return refused(str(error.description), "admin.job", job_id=job_id)
    except WrongState as error:
        return refused(str(error), "admin.job", job_id=job_id)
    words = "It is recorded as live" if live else "It is not live, and may be retried now"
    return done(words, "admin.job", job_id=job_id)
