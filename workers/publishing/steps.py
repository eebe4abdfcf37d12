"""The steps of one run: token → video → optimize → upload → process.

If the platform already has an upload of the job, a run only polls it, and sends again only when
the platform says that bytes are missing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta

from app.clock import utcnow
from app.failures import Failure
from app.publishing.claims import Claim
from app.run_stops import RunStopped
from app.states import Step
from workers.accounts import tokens
from workers.errors import (
    KEY_HINT,
    AccountRefused,
    KeyMissing,
    TokenExpired,
    Unfinished,
    VideoRefused,
)
from workers.platforms.base import Access, Context, Handler, Upload
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.publishing.budget import Purpose, RunBudget
from workers.publishing.contexts import working_context
from workers.publishing.journal import RunJournal
from workers.publishing.lease import JobLease
from workers.publishing.optimize_step import (
    Transcoding,
    begun_file,
    fit_file,
    known_file,
    pending_transcode,
    plan_of,
    with_rendition,
)
from workers.publishing.source import SourceFile
from workers.publishing.video_step import checked_video

#: A token refused this soon after a refresh is not expired, and another refresh would not help; an
#: older one has just expired: an upload may take many hours, and a YouTube token lives one.
NEW_TOKEN_SECONDS = 120.0
#: How long the last bytes of an upload are resent at once after a failure. After that, each further
#: failure costs an attempt, as with any other bytes.
RESEND_LIMIT = timedelta(minutes=10)


@dataclass(frozen=True)
class Uploaded(Processing):
    """The platform has just received the whole video, `sent_bytes` of it from this run; None where
    it fetches the video by itself."""

    sent_bytes: int | None = None


Result = Published | Processing | Transcoding


class UploadNeeded(RunStopped):
    """Raised by a polling run, when the platform turns out to lack bytes.

    Sending them needs an upload slot.
    """


def run_steps(claim: Claim, handler: Handler[Upload], lease: JobLease, budget: RunBudget) -> Result:
    """Advance the job as far as possible without waiting, refreshing a token that is refused.

    Raises any `PublishError`, and `RunStopped` when this run may not go on.
    """
    journal = RunJournal(claim, lease, _known_upload(claim, handler))
    if claim.step is Step.OPTIMIZE and (transcoding := pending_transcode(claim)):
        return transcoding
    access = tokens.access_for(handler, claim.account_id)
    refreshed_at: float | None = None
    try:
        while True:
            try:
                return _run_with_token(claim, handler, journal, access, budget)
            except TokenExpired as error:
                if refreshed_at is not None and time.monotonic() - refreshed_at < NEW_TOKEN_SECONDS:
                    raise tokens.refused_after_refresh(error) from error
            renewal = tokens.refresh(handler, claim.account_id, stale_token=access.token)
            access = renewal.access
            # Another worker's token may have expired since, for all that we know.
            refreshed_at = time.monotonic() if renewal.is_new else None
            # The failure remembered in the claim may concern an upload that no longer exists.
            claim = replace(with_rendition(claim), unanswered=None)
    except AccountRefused as error:
        tokens.record_refusal(claim.account_id, access.token, error)
        raise


def _known_upload(claim: Claim, handler: Handler[Upload]) -> Upload | None:
    """Return the upload that the checkpoint holds, if any; raises `KeyMissing`."""
    if not claim.is_readable:
        # The upload in the checkpoint may be live: another one could post the video twice.
        raise KeyMissing(
            "checkpoint_unreadable",
            "what the platform gave for this post cannot be decrypted",
            hint=KEY_HINT,
        )
    return None if claim.checkpoint is None else handler.upload_type.load(claim.checkpoint)


def _run_with_token(
    claim: Claim, handler: Handler[Upload], journal: RunJournal, access: Access, budget: RunBudget
) -> Result:
    received_bytes = 0
    if journal.upload is not None:
        to_poll = budget.for_purpose(Purpose.POLL)
        context = working_context(claim, known_file(claim), access, journal, to_poll)
        handler.after_upload(context, journal.upload)
        found = handler.poll(context, journal.upload)
        if not isinstance(found, Incomplete):
            context = replace(context, budget=budget.for_purpose(Purpose.FINISH))
            return _process(handler, context, journal, found)
        if claim.unanswered is not None and _has_failed_for_long(claim):
            raise _unfinished(claim.unanswered)
        if claim.is_at_platform:
            raise UploadNeeded(claim.job_id)
        received_bytes = found.received_bytes
    file = _fit_file(claim, journal)
    if isinstance(file, Transcoding):
        return file
    purpose = Purpose.NEW_POST if journal.upload is None else Purpose.FINISH
    context = working_context(claim, file, access, journal, budget.for_purpose(purpose))
    journal.move_to(Step.OPTIMIZE, Step.UPLOAD)
    journal.begin_upload(file, received_bytes)
    if journal.upload is None:
        journal.save(handler.open(context))
    assert journal.upload is not None
    journal.save(handler.send(context, journal.upload))
    handler.after_upload(context, journal.upload)
    # Not polled in this run: no platform is done at once.
    return Uploaded(handler.api.poll_seconds, sent_bytes=journal.sent_bytes)


def _has_failed_for_long(claim: Claim) -> bool:
    since = claim.unanswered_since
    return since is not None and utcnow() - since > RESEND_LIMIT


def _unfinished(failure: Failure) -> Unfinished:
    """Return the error for the failure that interrupted the last bytes."""
    return Unfinished(failure.code, failure.message, hint=failure.hint, category=failure.category)


def _fit_file(claim: Claim, journal: RunJournal) -> SourceFile | Transcoding:
    """Check the object itself, and have it transcoded if the platform would not take it."""
    upload = journal.upload
    if journal.step is not Step.OPTIMIZE:
        journal.move_to(Step.VIDEO)
    try:
        video = checked_video(claim.video_id, must_be_the_same=upload is not None)
        if upload is not None:
            may_reopen = not journal.has_committed
            return begun_file(claim, video, upload.file_version, may_reopen=may_reopen)
    except VideoRefused as error:
        # Another file needs another upload, and nothing of an uncommitted one can be live.
        raise error if journal.has_committed else error.for_dead_upload()
    plan = plan_of(claim.platform, video)
    if plan.refusals or plan.recipe is not None:
        journal.move_to(Step.OPTIMIZE)
    return fit_file(claim, video, plan)


def _process(
    handler: Handler[Upload],
    context: Context,
    journal: RunJournal,
    found: Processing | Ready | Published,
) -> Published | Processing:
    """Publish an upload that is ready. Only that moves the job on to `process` here: otherwise the
    step is recorded together with the result."""
    if not isinstance(found, Ready):
        return found
    journal.move_to(Step.PROCESS)
    assert journal.upload is not None
    return handler.publish(context, journal.upload)
