"""`/admin/jobs`: searching for jobs, and everything about one of them."""

from __future__ import annotations

from flask import render_template, request
from marshmallow import fields
from marshmallow.validate import Length, OneOf
from werkzeug.exceptions import NotFound

from app.admin.blueprint import blueprint, read_values
from app.admin.filters import now
from app.admin.timeline_chart import lay_out
from app.ids import is_id
from app.models import PublishJob
from app.platforms import PLATFORMS
from app.queries.search import JobStory, Search, find_story, search_jobs
from app.schemas.base import BaseSchema
from app.schemas.pages import Cursor
from app.states import FINAL_STATES, JobState

PER_PAGE = 25


class SearchQuery(BaseSchema):
    """What to search for."""

    q = fields.String(load_default="", validate=Length(max=255))
    state = fields.String(load_default=None, validate=OneOf([one.value for one in JobState]))
    platform = fields.String(load_default=None, validate=OneOf(list(PLATFORMS)))
    cursor = Cursor(load_default=None)


@blueprint.get("/jobs")
def jobs() -> str:
    """Show the matching jobs, newest first."""
    values = read_values(SearchQuery, request.args)
    search = Search(values["q"], values["state"], values["platform"])
    page = search_jobs(search, now(), limit=PER_PAGE, cursor=values["cursor"])
    return render_template(
        "admin/jobs.html",
        search=search,
        page=page,
        is_first=values["cursor"] is None,
        states=list(JobState),
        platforms=list(PLATFORMS),
        now=now(),
    )


@blueprint.get("/jobs/<job_id>")
def job(job_id: str) -> str:
    """Show one job: its state, its timeline and the actions it allows."""
    story = require_story(job_id)
    return render_template(
        "admin/job.html",
        story=story,
        job=story.view.job,
        post=story.view.post,
        state=story.view.job.state_at(now()).value,
        chart=lay_out(story.view.timeline, now()),
        may=_allowed(story.view.job),
        now=now(),
    )


def require_story(job_id: str) -> JobStory:
    """Return one job's story; raises `NotFound`."""
    story = find_story(job_id) if is_id(job_id) else None
    if story is None:
        raise NotFound("There is no such job; finished jobs are kept for a limited time")
    return story


def _allowed(job: PublishJob) -> set[str]:
    """Return the actions that the job's state allows; the functions behind them check again."""
    is_failed = job.state is JobState.FAILED
    allowed = {
        "resolve": job.is_ambiguous or (is_failed and job.is_committed),
        "retry": is_failed and not job.is_ambiguous,
        "cancel": job.state not in FINAL_STATES and not job.is_committed,
    }
    return {name for name, is_allowed in allowed.items() if is_allowed}
