"""What the pipeline does when a handler writes something down."""

from __future__ import annotations

import logging
import time

from app.accounts import learn_limit
from app.clock import utcnow
from app.database.engine import AWAY
from app.publishing.claims import Claim
from app.publishing.holding import begin_steps, save_checkpoint, show_progress
from app.states import Step, step_progress
from workers.platforms.base import Upload
from workers.publishing.lease import LeaseKeeper

logger = logging.getLogger(__name__)
#: Progress is a kindness, not a promise: it is written at most this often.
PROGRESS_SECONDS = 1.0


class RunJournal:
    """The `Journal` of one run. `upload` is the last one saved; `has_committed` is True once
    the platform may have published it; `step` is where the job is."""

    def __init__(self, claim: Claim, keeper: LeaseKeeper, upload: Upload | None) -> None:
        self._claim = claim
        self._keeper = keeper
        self._size_bytes = 0
        self._shown = 0
        self._shown_at = time.monotonic()
        self.upload = upload
        self.has_committed = claim.committed_at is not None
        self.step = claim.step

    def move_to(self, *steps: Step) -> None:
        """Go on to the last of these steps, through the others, which took no time.

        `optimize` and `process` may be gone on with after a wait; any other begins anew.
        """
        if self.step in (Step.OPTIMIZE, Step.PROCESS) and self.step in steps:
            steps = steps[steps.index(self.step) + 1 :]
        if steps:
            begin_steps(self._claim, steps, utcnow())
            self.step = steps[-1]

    def expect(self, size_bytes: int) -> None:
        """Say how many bytes the upload has, so that `report_sent` can show a share of it."""
        self._size_bytes = size_bytes

    def save(self, upload: Upload) -> None:
        # What the platform has given is kept even by a worker that must stop: it may never be
        # told again, and whoever goes on needs it.
        self._store(upload, commits=False)
        self._keeper.check()

    def commit_to_publish(self, upload: Upload) -> None:
        self._keeper.check()
        self._store(upload, commits=True)
        self.has_committed = True

    def report_sent(self, total_bytes: int) -> None:
        self._keeper.check()
        if time.monotonic() - self._shown_at < PROGRESS_SECONDS or not self._size_bytes:
            return
        self._shown_at = time.monotonic()
        progress = step_progress(Step.UPLOAD, total_bytes / self._size_bytes)
        if progress != self._shown:
            self._shown = progress
            self._show(progress)

    def _show(self, progress: int) -> None:
        try:
            show_progress(self._claim, progress)
        except AWAY as exc:
            # The bytes go on: an upload is not broken off because nobody can be told of it.
            logger.warning("progress not shown: %s", type(exc).__name__)

    def learn_limit(self, video_max_seconds: int) -> None:
        learn_limit(self._claim.account_id, video_max_seconds, utcnow())

    def _store(self, upload: Upload, *, commits: bool) -> None:
        save_checkpoint(self._claim, upload.dump(), utcnow(), commits=commits)
        self.upload = upload
