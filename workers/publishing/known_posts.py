"""Posts that are known to be live although the job could not be followed to its end."""

from __future__ import annotations

from dataclasses import replace

from app.failures import Failure
from app.publishing.claims import Claim
from app.publishing.leased import saved_checkpoint
from workers.handlers import load_handler
from workers.platforms.results import Published
from workers.publishing.contexts import draft_of
from workers.publishing.optimize_step import known_file


def known_post(claim: Claim, failure: Failure) -> Published | None:
    """Return the post of a job that this failure would end; None if it is not known to be live.

    Raises `Superseded`.
    """
    checkpoint = saved_checkpoint(claim)
    if checkpoint is None:
        return None
    handler = load_handler(claim.platform)
    draft = draft_of(claim, claim.job_id, known_file(claim))
    post = handler.published_if_known(draft, handler.upload_type.load(checkpoint))
    if post is None:
        return None
    warning = f"The post is live, but could not be followed any further: {failure.message}"
    return replace(post, warnings=(*post.warnings, warning))
