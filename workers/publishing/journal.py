"""The journal of a run: what a handler reports is stored at once."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from app.accounts import store_video_limit
from app.causes import why
from app.clock import utcnow
from app.database.engine import AWAY
from app.publishing.claims import Claim
from app.publishing.leased import begin_steps, save_checkpoint, show_progress
from app.states import Step, step_progress
from workers.platforms.base import Upload
from workers.publishing.lease import JobLease
from workers.publishing.source import SourceFile

logger = logging.getLogger(__name__)
#: Progress is best effort: it is stored at most this often.
PROGRESS_SECONDS = 1.0


class RunJournal:
    """The `Journal` of one run.

    `upload` is the last one saved; `has_committed` is True once the platform may have published
    it; `step` is the job's current step.
    """

    def __init__(self, claim: Claim, lease: JobLease, upload: Upload | None) -> None:
        self._claim = claim
        self._lease = lease
        self._file: SourceFile | None = None
        self._received_bytes = 0
        self._reached_bytes = 0
        self._sent_before = 0
        self._shown = 0
        self._shown_at = time.monotonic()
        self.upload = upload
        self.has_committed = claim.committed_at is not None
        self.step = claim.step

    def move_to(self, *steps: Step) -> None:
        """Move to the last of these steps, passing the others, which took no time.

        `optimize` and `process` may be resumed after a wait; any other step starts over.
        """
        if self.step in (Step.OPTIMIZE, Step.PROCESS) and self.step in steps:
            steps = steps[steps.index(self.step) + 1 :]
        if steps:
            begin_steps(self._claim, steps, utcnow())
            self.step = steps[-1]

    def begin_upload(self, file: SourceFile, received_bytes: int) -> None:
        """Begin to send a file, of which the platform already has `received_bytes`.

        Uploads saved from now on name this version of it.
        """
        self._file = file
        self._sent_before = self.sent_bytes or 0
        self._received_bytes = self._reached_bytes = received_bytes

    @property
    def sent_bytes(self) -> int | None:
        """How many bytes this run has sent; None for none, as when the platform fetches the video
        by a link."""
        return self._sent_before + max(self._reached_bytes - self._received_bytes, 0) or None

    def save(self, upload: Upload) -> None:
        # Stored even by a worker that must stop: the platform may never repeat it, and the next
        # run needs it.
        self._store(upload, commits=False)
        self._lease.check()

    def commit_to_publish(self, upload: Upload) -> None:
        self._lease.check()
        self._store(upload, commits=True)
        self.has_committed = True

    def report_sent(self, total_bytes: int) -> None:
        self._reached_bytes = total_bytes
        self._lease.check()
        if time.monotonic() - self._shown_at < PROGRESS_SECONDS or self._file is None:
            return
        self._shown_at = time.monotonic()
        progress = step_progress(Step.UPLOAD, total_bytes / self._file.size_bytes)
        if progress != self._shown:
            self._shown = progress
            self._show(progress)

    def _show(self, progress: int) -> None:
        try:
            show_progress(self._claim, progress)
        except AWAY as exc:
            # The upload goes on: progress that cannot be stored must not interrupt it.
            logger.warning("progress not stored: %s", why(exc))

    def learn_limit(self, video_max_seconds: int) -> None:
        store_video_limit(self._claim.account_id, video_max_seconds, utcnow())

    def _store(self, upload: Upload, *, commits: bool) -> None:
        if self._file is not None:
            upload = replace(upload, file_version=self._file.version)
        save_checkpoint(self._claim, upload.dump(), utcnow(), commits=commits)
        self.upload = upload
