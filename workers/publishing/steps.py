"""The steps of one run: token → video → optimize → upload → process.

A run of a job that the platform already has an upload for only asks how that is doing, and goes
back to sending only when the platform says that bytes are missing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

from app.clock import utcnow
from app.failures import Failure
from app.publishing.claims import Claim
from app.runs import RunStopped
from app.states import Step
from workers.accounts import tokens
from workers.errors import (
    KEY_HINT,
    AccountRefused,
    Category,
    KeyMissing,
    TokenExpired,
    Unfinished,
    VideoRefused,
)
from workers.platforms.base import Access, Context, Handler, Upload
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.publishing.budget import KEEP_TO_ASK, KEEP_TO_BEGIN, RunBudget
from workers.publishing.contexts import working_context
from workers.publishing.journal import RunJournal
from workers.publishing.lease import LeaseKeeper
from workers.publishing.optimize_step import (
    Converting,
    begun_file,
    fit_file,
    known_file,
    plan_of,
    still_converting,
    with_rendition,
)
from workers.publishing.source import SourceFile
from workers.publishing.video_step import checked_video

Result = Published | Processing | Converting
#: Whoever refuses a token younger than this means the account. One that has been of use for longer
#: is over: an upload may take many hours, and a token of YouTube's lives one.
YOUNG_SECONDS = 120.0
#: For how long last bytes that do not get through are sent again at once. Then each further time is
#: a failed attempt, as with any other bytes.
IN_VAIN = timedelta(minutes=10)


class UploadNeeded(RunStopped):
    """Raised by a run that came to ask, where the platform lacks bytes after all.

    Sending them is an upload, and needs a place among those.
    """


def publish_once(
    claim: Claim, handler: Handler[Upload], keeper: LeaseKeeper, budget: RunBudget
) -> Result:
    """Take the job as far as it goes without waiting; a refused token is renewed.

    Raises any `PublishError`, and `RunStopped` when this run may not go on.
    """
    journal = RunJournal(claim, keeper, _known_upload(claim, handler))
    if claim.step is Step.OPTIMIZE and (converting := still_converting(claim)):
        return converting
    access = tokens.access_for(handler, claim.account_id)
    renewed_at: float | None = None
    try:
        while True:
            try:
                return _go_on(claim, handler, journal, access, budget)
            except TokenExpired as error:
                if renewed_at is not None and time.monotonic() - renewed_at < YOUNG_SECONDS:
                    raise tokens.refused_young(error) from error
            access = tokens.refresh(handler, claim.account_id, stale_token=access.token)
            renewed_at = time.monotonic()
            # What failed before may have been of another upload than there is by now.
            claim = replace(with_rendition(claim), unanswered=None)
    except AccountRefused as error:
        tokens.tell_refused(claim.account_id, access.token, error)
        raise


def _known_upload(claim: Claim, handler: Handler[Upload]) -> Upload | None:
    """Return what the platform gave before, if anything; raises `KeyMissing`."""
    if not claim.is_readable:
        # What it gave is not known here: to begin anew could post the video twice.
        raise KeyMissing(
            "checkpoint_unreadable",
            "what the platform gave for this post cannot be decrypted",
            hint=KEY_HINT,
        )
    return None if claim.checkpoint is None else handler.upload_type.load(claim.checkpoint)


def _go_on(
    claim: Claim, handler: Handler[Upload], journal: RunJournal, access: Access, budget: RunBudget
) -> Result:
    if journal.upload is not None:
        context = working_context(claim, known_file(claim), access, journal, budget)
        budget.keep_share = KEEP_TO_ASK
        handler.after_upload(context, journal.upload)
        found = handler.poll(context, journal.upload)
        if not isinstance(found, Incomplete):
            budget.keep_share = 0.0
            return _process(handler, context, journal, found)
        if claim.unanswered is not None and _has_failed_for_long(claim):
            raise _unfinished(claim.unanswered)
        if claim.is_at_platform:
            raise UploadNeeded(claim.job_id)
    file = _fit_file(claim, journal)
    if isinstance(file, Converting):
        return file
    context = working_context(claim, file, access, journal, budget)
    budget.keep_share = KEEP_TO_BEGIN if journal.upload is None else 0.0
    journal.move_to(Step.OPTIMIZE, Step.UPLOAD)
    journal.expect(context.source.size_bytes)
    if journal.upload is None:
        journal.save(handler.open(context))
    assert journal.upload is not None
    journal.save(handler.send(context, journal.upload))
    handler.after_upload(context, journal.upload)
    # What was just sent is not looked at yet: no platform is done at once.
    return Processing(handler.api.poll_seconds)


def _has_failed_for_long(claim: Claim) -> bool:
    since = claim.unanswered_since
    return since is not None and utcnow() - since > IN_VAIN


def _unfinished(failure: Failure) -> Unfinished:
    """Return the error for what failed when the last bytes may have been sent, and were not."""
    return Unfinished(
        failure.code, failure.message, hint=failure.hint, category=Category(failure.category)
    )


def _fit_file(claim: Claim, journal: RunJournal) -> SourceFile | Converting:
    """Look at the object itself, and have it made anew where the platform would not take it."""
    is_begun = journal.upload is not None
    if journal.step is not Step.OPTIMIZE:
        journal.move_to(Step.VIDEO)
    try:
        video = checked_video(claim.video_id, must_be_the_same=is_begun)
    except VideoRefused as error:
        # Another file needs another upload, and nothing is live of one that was never committed.
        raise error if journal.has_committed else error.for_dead_upload()
    if is_begun:
        return begun_file(claim, video, may_reopen=not journal.has_committed)
    plan = plan_of(claim.platform, claim.account_id, video)
    if plan.refusals or plan.recipe is not None:
        journal.move_to(Step.OPTIMIZE)
    return fit_file(claim, video, plan)


def _process(
    handler: Handler[Upload],
    context: Context,
    journal: RunJournal,
    found: Processing | Ready | Published,
) -> Published | Processing:
    """Publish what is ready; that the step is `process` or `record` is written with its end."""
    if not isinstance(found, Ready):
        return found
    journal.move_to(Step.PROCESS)
    assert journal.upload is not None
    return handler.publish(context, journal.upload)
