"""`/api/publish`: publishing posts and reading their jobs."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from app.api.auth import current_user
from app.api.blueprint import Blueprint, Gathered
from app.api.errors import InvalidRequest
from app.api.idempotency import keyed_request
from app.api.job_views import accepted_of, batch_of, link_to, require_job, status_of, story_of
from app.checks.post_warnings import warnings_for
from app.checks.posts import UncheckedPost, check_batch, check_post, due_times
from app.checks.times import due_time
from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.intake import Intake, PostRequest
from app.publishing.create import NewJob, create_checked
from app.queries.jobs import JobFilter, list_jobs
from app.schemas.examples import batch_examples, publish_examples
from app.schemas.publish import BatchSchema, KeyHeader, PublishSchema
from app.schemas.publish_responses import (
    AcceptedSchema,
    BatchAcceptedSchema,
    JobSchema,
    JobsQuery,
    JobsSchema,
    StatusSchema,
    ValidationSchema,
)
from app.videos import settle_requested

blueprint = Blueprint(
    "publish",
    __name__,
    url_prefix="/api/publish",
    description="Publishing posts and following their jobs",
)
LOCATION = {"Location": {"description": "The job.", "schema": {"type": "string"}}}


@blueprint.route("", methods=["POST"], operation="publishVideo")
@blueprint.arguments(KeyHeader, location="headers")
@blueprint.arguments(PublishSchema, examples=publish_examples())
@blueprint.alt_response(422, response="UNPROCESSABLE_ENTITY")
@blueprint.response(202, AcceptedSchema, headers=LOCATION)
def publish(headers: dict[str, Any], body: Gathered) -> Any:
    """Publish a video, now or at a scheduled time

    Answers once the job is in the database. All faults of the body are reported at once.
    """
    intake: Intake = current_app.extensions["intake"]
    post = UncheckedPost(current_user(), body.values, body.faults, utcnow())
    result = intake.accept(PostRequest(post, keyed_request(headers)))
    if result.job is None:
        raise InvalidRequest(result.faults)
    return accepted_of(result.job, utcnow()), 202, {"Location": link_to(result.job.id)}


@blueprint.route("/validate", methods=["POST"], operation="validatePost")
@blueprint.arguments(PublishSchema, examples=publish_examples())
@blueprint.response(200, ValidationSchema)
def validate(body: Gathered) -> Any:
    """Check a post without publishing it: what would be refused, and what would differ"""
    now = utcnow()
    settle_requested(current_user(), [body.values.get("video_id")])
    with transaction():
        post = check_post(UncheckedPost(current_user(), body.values, body.faults, now))
    warnings = warnings_for(post, due_time(body.values, now), now)
    return {"valid": not post.faults, "errors": post.faults, "warnings": warnings}


@blueprint.route("/batch", methods=["POST"], operation="publishBatch")
@blueprint.arguments(KeyHeader, location="headers")
@blueprint.arguments(BatchSchema, examples=batch_examples())
@blueprint.alt_response(422, response="UNPROCESSABLE_ENTITY")
@blueprint.response(202, BatchAcceptedSchema)
def publish_batch(headers: dict[str, Any], body: Gathered) -> Any:
    """Publish several posts, all or none, each `intervalMinutes` after the one before it"""
    now, user_id = utcnow(), current_user()
    settle_requested(user_id, [post.get("video_id") for post in body.values.get("posts", [])])

    def check(session: Session) -> list[NewJob]:
        posts, faults = check_batch(user_id, body.values, body.faults, now)
        if faults:
            raise InvalidRequest(faults)
        times = zip(posts, due_times(body.values, now), strict=True)
        return [post.new_job(user_id, now, due_at) for post, due_at in times]

    jobs = create_checked(check, now, batch_id=new_id(), keyed=keyed_request(headers))
    return batch_of(jobs)


@blueprint.route("", methods=["GET"], operation="listJobs")
@blueprint.arguments(JobsQuery, location="query")
@blueprint.response(200, JobsSchema)
def list_publish_jobs(query: dict[str, Any]) -> Any:
    """List the user's jobs, newest first"""
    now = utcnow()
    limit, cursor = query.pop("limit"), query.pop("cursor")
    page = list_jobs(current_user(), JobFilter(**query), now, limit=limit, cursor=cursor)
    return {"jobs": [status_of(view, now) for view in page.rows], "next_cursor": page.next_cursor}


@blueprint.route("/<string:job_id>/status", methods=["GET"], operation="getJobStatus")
@blueprint.response(200, StatusSchema)
def read_status(job_id: str) -> Any:
    """Show a job's status"""
    return status_of(require_job(job_id), utcnow())


@blueprint.route("/<string:job_id>", methods=["GET"], operation="getJob")
@blueprint.response(200, JobSchema)
def read_job(job_id: str) -> Any:
    """Show a job's status and its timeline: every attempt, step and wait"""
    return story_of(require_job(job_id, with_timeline=True), utcnow())
