"""`/api/publish/{jobId}`: changing, cancelling, retrying and resolving a job."""

from __future__ import annotations

from typing import Any

from app.api.blueprint import Blueprint, Gathered
from app.api.errors import InvalidRequest
from app.api.job_views import require_job, status_of
from app.checks.edits import columns_of, content_of, edit_faults
from app.checks.links import post_link_faults
from app.clock import utcnow
from app.publishing import steer
from app.schemas.examples import edit_examples, resolve_examples
from app.schemas.publish import EditSchema, ResolveSchema
from app.schemas.publish_responses import StatusSchema

blueprint = Blueprint(
    "management",
    __name__,
    url_prefix="/api/publish",
    description="Changing, cancelling, retrying and resolving jobs",
)


@blueprint.route("/<string:job_id>", methods=["PATCH"], operation="editJob")
@blueprint.arguments(EditSchema, examples=edit_examples())
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(200, StatusSchema)
def edit_job(body: Gathered, job_id: str) -> Any:
    """Change a post that is delayed or waiting

    `scheduledTime: null` publishes it at once. Of two concurrent changes one is refused.
    """
    now = utcnow()
    job = require_job(job_id).job
    judged = content_of(job)
    faults = edit_faults(job, body.values, body.faults, now)
    if faults:
        raise InvalidRequest(faults)
    steer.edit(job_id, columns_of(body.values), now, judged=judged)
    return status_of(require_job(job_id), now)


@blueprint.route("/<string:job_id>/cancel", methods=["POST"], operation="cancelJob")
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(200, StatusSchema)
def cancel_job(job_id: str) -> Any:
    """Cancel a job: at once or, while it is active, before the platform would publish it"""
    now = utcnow()
    require_job(job_id)
    steer.cancel(job_id, now)
    return status_of(require_job(job_id), now)


@blueprint.route("/<string:job_id>/retry", methods=["POST"], operation="retryJob")
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(202, StatusSchema)
def retry_job(job_id: str) -> Any:
    """Retry a failed job from its checkpoint, with fresh attempts

    Also answers 409 for a job with an unknown outcome until `…/resolve`, and while its account must
    be reconnected or where its video was deleted, since it could only fail again. The response says
    what to do first.
    """
    now = utcnow()
    require_job(job_id)
    steer.retry(job_id, now)
    return status_of(require_job(job_id), now)


@blueprint.route("/<string:job_id>/resolve", methods=["POST"], operation="resolveJob")
@blueprint.arguments(ResolveSchema, examples=resolve_examples())
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(200, StatusSchema)
def resolve_job(decision: dict[str, Any], job_id: str) -> Any:
    """Record a person's decision on whether a job with an unknown outcome is live"""
    now = utcnow()
    faults = post_link_faults(require_job(job_id).job.platform, decision["url"])
    if faults:
        raise InvalidRequest(faults)
    steer.resolve(job_id, now, is_live=decision.pop("live"), **decision)
    return status_of(require_job(job_id), now)
