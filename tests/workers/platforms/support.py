"""What the handlers' tests share: an in-memory video and journal, a clock, a job driver.

Independent of any platform. The platforms are a real sandbox over real HTTP.
"""

from __future__ import annotations

import itertools
import random
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
import requests

from tests.platforms import Control
from workers.errors import OutcomeUnknown, PublishError, RateLimited, Transient, UploadGone
from workers.platforms.base import Access, Context, Draft, Handler, Upload
from workers.platforms.results import Incomplete, Processing, Published, Ready

#: How long a platform may take to fetch a video, in real time.
FETCH_SECONDS = 60.0


class Stopped(Exception):
    """Raised by the journal if the run must stop; not a `PublishError`."""


class Sandbox(Control):
    """The sandbox's control API, and the clock that handlers and platforms share."""

    def __init__(self, url: str, session: requests.Session) -> None:
        super().__init__(url, session)
        self._shift = timedelta()

    def advance(self, seconds: float) -> None:
        self._shift += timedelta(seconds=seconds)
        super().advance(seconds)

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._shift

    def calls(self, name: str | None = None) -> list[dict[str, Any]]:
        return [entry for entry in self.journal(name) if entry["event"] == "call"]

    def call_names(self) -> list[str]:
        return [call["call"] for call in self.calls()]


class MemoryStream:
    """An open range."""

    def __init__(self, source: MemorySource, first: int, length: int) -> None:
        self._source = source
        end = first + length if source.ends_at is None else min(first + length, source.ends_at)
        self._offset, self._end = first, end
        self.is_open = True

    def read(self, size: int, /) -> bytes:
        assert self.is_open
        piece = self._source.data[self._offset : min(self._offset + size, self._end)]
        self._offset += len(piece)
        self._source.largest_read = max(self._source.largest_read, size)
        return piece

    def is_ready(self, seconds: float) -> bool:
        return True

    def close(self) -> None:
        self.is_open = False


class MemorySource:
    """A video in memory that records what was opened; its ranges end early at `ends_at`."""

    def __init__(self, data: bytes, content_type: str = "video/mp4") -> None:
        self.data = data
        self._content_type = content_type
        self.link: str | None = None
        self.ends_at: int | None = None
        self.ranges: list[tuple[int, int]] = []
        self.streams: list[MemoryStream] = []
        self.largest_read = 0

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    @property
    def content_type(self) -> str:
        return self._content_type

    @property
    def filename(self) -> str:
        return "video.mp4"

    @property
    def public_url(self) -> str | None:
        return self.link

    def open(self, first: int, length: int) -> MemoryStream:
        assert 0 <= first and 0 < length and first + length <= self.size_bytes
        self.ranges.append((first, length))
        self.streams.append(MemoryStream(self, first, length))
        return self.streams[-1]

    @property
    def open_streams(self) -> int:
        return sum(stream.is_open for stream in self.streams)


@dataclass
class MemoryJournal:
    """Records what was saved, as JSON fields and in order, and what was reported as sent.

    `stop_at_bytes` and `stop_at_commit` stop the run there, as a cancellation does.
    """

    upload: Upload | None = None
    saved: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    stop_at_bytes: int | None = None
    stop_at_commit: bool = False

    def save(self, upload: Upload) -> None:
        self._keep("save", upload)

    def commit_to_publish(self, upload: Upload) -> None:
        if self.stop_at_commit:
            raise Stopped
        self._keep("commit", upload)

    def report_sent(self, total_bytes: int) -> None:
        self.sent_bytes.append(total_bytes)
        if self.stop_at_bytes is not None and total_bytes >= self.stop_at_bytes:
            raise Stopped

    def learn_limit(self, video_max_seconds: int) -> None:
        self.limits.append(video_max_seconds)

    def _keep(self, kind: str, upload: Upload) -> None:
        # A JSON round trip, as through the row.
        self.upload = type(upload).load(upload.dump())
        self.saved.append((kind, upload.dump()))

    @property
    def commits(self) -> int:
        return sum(kind == "commit" for kind, _ in self.saved)


def access_of(account: Mapping[str, Any]) -> Access:
    """Return the access of a connected sandbox account."""
    return Access(
        token=account["accessToken"],
        platform_user_id=account["platformUserId"],
        username=account["username"],
        login_type=account.get("loginType", ""),
        scopes=frozenset(account["scopes"]),
    )


@dataclass
class Job:
    """A job, driven run by run as the pipeline does."""

    handler: Handler[Any]
    sandbox: Sandbox
    access: Access
    source: MemorySource
    draft: Draft
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    is_known_post: Callable[[str], bool] = lambda post_id: False
    errors: list[PublishError] = field(default_factory=list)
    cover: Callable[[int], bytes | None] = lambda at_ms: None

    @property
    def context(self) -> Context:
        return Context(
            access=self.access,
            draft=self.draft,
            source=self.source,
            journal=self.journal,
            now=self.sandbox.now,
            is_known_post=self.is_known_post,
            cover=self.cover,
        )

    def run(self) -> Processing | Published:
        """Do one run: poll an existing upload, else open it; then send or publish."""
        found: Incomplete | Processing | Ready | Published = Incomplete()
        if self.journal.upload is not None:
            self.handler.after_upload(self.context, self.journal.upload)
            found = self.handler.poll(self.context, self.journal.upload)
        if isinstance(found, Incomplete):
            if self.journal.upload is None:
                self.journal.save(self.handler.open(self.context))
            assert self.journal.upload is not None
            self.journal.save(self.handler.send(self.context, self.journal.upload))
            self.handler.after_upload(self.context, self.journal.upload)
            return Processing(self.handler.api.poll_seconds)
        if isinstance(found, Ready):
            assert self.journal.upload is not None
            return self.handler.publish(self.context, self.journal.upload)
        return found

    def carry_through(self, runs: int = 20) -> Published:
        """Run until it is published, advancing the clocks instead of waiting.

        Errors that a retry may fix are kept in `errors`; all others are raised.
        """
        deadline = time.monotonic() + FETCH_SECONDS
        for number in itertools.count():
            if number >= runs:  # a platform that fetches the video by itself takes real time
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            published = self._run_and_wait()
            if published is not None:
                return published
        raise AssertionError(f"not published after {runs} runs: {self.errors}")

    def _run_and_wait(self) -> Published | None:
        try:
            found = self.run()
        except UploadGone as error:
            self.errors.append(error)
            self.journal.upload = None
        except RateLimited as error:
            self.errors.append(error)
            self.sandbox.advance((error.retry_at - self.sandbox.now()).total_seconds() + 1)
        except (Transient, OutcomeUnknown) as error:
            self.errors.append(error)
        else:
            if isinstance(found, Published):
                return found
            self.sandbox.advance(found.next_poll_seconds)
        return None


def lengthened(video: bytes, size: int) -> bytes:
    """Return the video padded with noise in a box that players skip."""
    rest = size - len(video)
    return video + struct.pack(">I4s", rest, b"free") + random.Random(1).randbytes(rest - 8)


def error_of_run(job: Job) -> PublishError:
    """Return what a run raises."""
    with pytest.raises(PublishError) as raised:
        job.run()
    return raised.value


def assert_live_once(control: Sandbox, data: bytes) -> None:
    """Assert that exactly one whole video is live."""
    [post] = control.posts()
    assert post["sha256"] == sha256(data).hexdigest()
