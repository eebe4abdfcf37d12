"""A worker that pauses past its lease and resumes beside the one that took its job over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from tests.workers.platforms import instagram_job, tiktok_job, youtube_job
from tests.workers.platforms.support import Job, MemoryJournal, Sandbox, Stopped
from workers.errors import PublishError
from workers.platforms.base import Upload


@dataclass
class PausedJournal(MemoryJournal):
    """Pauses once, right after the commit or during the bytes that follow; afterwards the lease is
    lost, so nothing can be saved any more."""

    pause_at_bytes: int | None = None
    is_paused: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)

    def save(self, upload: Upload) -> None:
        if self.is_paused.is_set():
            raise Stopped
        super().save(upload)

    def commit_to_publish(self, upload: Upload) -> None:
        if self.is_paused.is_set():
            raise Stopped
        super().commit_to_publish(upload)
        if self.pause_at_bytes is None:
            self._pause()

    def report_sent(self, total_bytes: int) -> None:
        super().report_sent(total_bytes)
        if self.pause_at_bytes is not None and total_bytes >= self.pause_at_bytes:
            self._pause()

    def _pause(self) -> None:
        if not self.is_paused.is_set():
            self.is_paused.set()
            assert self.wake.wait(60)


def run_until_it_ends(job: Job) -> None:
    """Run as the paused worker does; it may be stopped, or be refused by the platform."""
    try:
        while True:
            job.run()
    except (PublishError, Stopped):
        pass


@pytest.mark.parametrize(
    ("make_job", "pause_at_bytes"),
    [
        (tiktok_job.make_job, None),
        (tiktok_job.make_job, 5_000_000),
        (youtube_job.make_job, None),
        (youtube_job.make_job, 5_000_000),
        (instagram_job.make_job, None),  # its bytes alone publish nothing
    ],
)
def test_video_is_live_once_beside_its_successor(
    control: Sandbox,
    video: bytes,
    make_job: Callable[[Sandbox, bytes], Job],
    pause_at_bytes: int | None,
) -> None:
    data = instagram_job.large(video)
    control.settings(processing_seconds=0)
    job = make_job(control, data)
    paused = PausedJournal(pause_at_bytes=pause_at_bytes)
    first = Job(job.handler, control, job.access, job.source, job.draft, paused)
    thread = threading.Thread(target=run_until_it_ends, args=(first,))
    thread.start()
    assert paused.is_paused.wait(60)
    job.journal.upload = paused.upload
    job.carry_through()
    paused.wake.set()
    thread.join()
    control.advance(86_400)
    [post] = control.posts()
    assert post["sha256"] == sha256(data).hexdigest()
