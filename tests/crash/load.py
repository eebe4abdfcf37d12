"""The back end of a campaign: submits posts over HTTP throughout, and edits or cancels some.

Every order has an Idempotency-Key and is repeated until it is answered, as a careful client
does; so whatever dies meanwhile, each must become exactly one post.
"""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import func, select

from app.clock import to_iso, utcnow
from app.database.retrying import retry_while_away
from app.extensions import db
from app.ids import new_id
from app.models import Account, Notification, PublishJob, Video
from app.platforms import PLATFORMS
from app.states import OPEN_STATES, JobState, NotificationState, Step
from app.storage import Storage
from app.videos.examine import examine, set_facts
from sandbox.loopback import loopback_session
from tests.crash.plan import Plan
from tests.crash.stage import API_KEY, Stage
from tests.factories import make_video
from tests.workers.conftest import connect

#: Accounts of each kind per platform.
ACCOUNTS = 10
#: Some accounts' tokens are refreshed for each post: they expire too soon for an upload.
SHORT_TOKEN = {"YOUTUBE": 250}
#: More than the faults that can hit one post; nothing else may use up an attempt.
ATTEMPTS = 10
BACKOFF_MS = 300
#: More than the connection's buffers hold, so that a killed worker leaves some of it unsent.
LARGE_BYTES = 12_000_000
LARGE_EVERY = 7
#: One in this many posts has a video of its own that must be converted.
UNFIT_EVERY = 5
#: At most this many of them wait at a time: kills slow the conversions down.
UNFIT_WAITING = 10
SCHEDULED_SHARE = 0.25
SCHEDULED_PRIORITY = 9
STEERED_SHARE = 0.2
RESPONSE_SECONDS = 30.0
POLL_SECONDS = 0.05
#: Responses that refuse an order for good.
REFUSED = range(400, 500)


@dataclass(frozen=True)
class StoredVideo:
    """A video in the store. `sha256` is what must go live; None: its rendition."""

    video_id: str
    key: str
    size_bytes: int
    sha256: str | None


@dataclass
class Order:
    """One order, and what may be live of it."""

    number: int
    platform: str
    video: StoredVideo
    is_calm: bool
    captions: set[str]
    scheduled: datetime | None = None
    not_before: datetime | None = None
    is_cancelled: bool = False
    is_steered: bool = False


@dataclass
class Answer:
    """The final response; `is_sure` is False when an earlier one was lost."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    is_sure: bool = True


class Load:
    """Keeps posts waiting, from a thread of its own.

    Platform faults hit only the `rough` accounts: the calm ones see only kills, so each of their
    posts takes exactly one attempt.
    """

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self._app, self._url, self._plan = stage.app, stage.web_url, plan
        self._chance = random.Random(plan.seed + 1)
        self._videos = [
            fitting_video(stage.app, store_video(stage)),
            fitting_video(stage.app, store_video(stage, LARGE_BYTES)),
        ]
        self._unfit = UnfitFilms(stage)
        self.calm = self._connect(stage)
        self.rough = self._connect(stage)
        #: by job id
        self.orders: dict[str, Order] = {}
        self._numbers = 0
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    @staticmethod
    def _connect(stage: Stage) -> list[Account]:
        return [
            connect(
                stage.platforms,
                platform,
                **({"token_seconds": SHORT_TOKEN[platform]} if _is_short(number, platform) else {}),
            )
            for number in range(ACCOUNTS)
            for platform in PLATFORMS
        ]

    def start(self) -> None:
        """Start submitting."""
        self._thread.start()

    def check(self) -> None:
        """Raise the error that ended the thread, if any."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Stop submitting; return when the last order is answered."""
        self._stopping.set()
        self._thread.join()
        self.check()

    def _run(self) -> None:
        try:
            with self._app.app_context(), loopback_session() as session:
                while not self._stopping.is_set():
                    if _waiting_posts() < self._plan.waiting:
                        self._order(session)
                    else:
                        time.sleep(POLL_SECONDS)
                    if self.orders and self._chance.random() < STEERED_SHARE:
                        self._steer(session)
        except BaseException as error:
            self._error = error

    def _order(self, session: requests.Session) -> None:
        number, self._numbers = self._numbers, self._numbers + 1
        account = (self.calm + self.rough)[number % (2 * len(self.calm))]
        caption = f"Post{self._plan.seed}n{number:06d}"
        if number % UNFIT_EVERY == UNFIT_EVERY - 1 and _converting() < UNFIT_WAITING:
            video = self._unfit.another()
        else:
            video = self._videos[number % LARGE_EVERY == 0]
        order = Order(number, account.platform, video, account in self.calm, {caption})
        options = {"attempts": ATTEMPTS, "backoff": {"type": "fixed", "delay": BACKOFF_MS}}
        body = {
            "videoId": video.video_id,
            "platform": account.platform,
            "accountId": account.id,
            "caption": caption,
            "privacyLevel": "public",
            "options": options,
        }
        if self._chance.random() < SCHEDULED_SHARE:
            order.scheduled = utcnow() + timedelta(seconds=self._chance.uniform(8, 25))
            order.not_before = order.scheduled
            body["scheduledTime"] = to_iso(order.scheduled)
            options["priority"] = SCHEDULED_PRIORITY
        answer = self._ask(session, "POST", "", body, key=caption)
        if answer.status in REFUSED and "scheduled" in str(answer.body).lower():
            return  # it took so long to arrive that its time is past: never accepted
        assert answer.status == 202, answer
        self.orders[answer.body["jobId"]] = order

    def _steer(self, session: requests.Session) -> None:
        job_id = self._chance.choice(list(self.orders)[-self._plan.waiting :])
        order = self.orders[job_id]
        if order.is_steered:
            return
        order.is_steered = True
        kind = self._chance.choice((self._cancel, self._edit, self._move))
        kind(session, job_id, order)

    def _cancel(self, session: requests.Session, job_id: str, order: Order) -> None:
        answer = self._ask(session, "POST", f"/{job_id}/cancel")
        order.is_cancelled = answer.status == 200

    def _edit(self, session: requests.Session, job_id: str, order: Order) -> None:
        [old] = order.captions
        new = f"{old}e"
        answer = self._ask(session, "PATCH", f"/{job_id}", {"caption": new})
        if answer.status == 200:
            order.captions = {new}
        elif not answer.is_sure:
            order.captions = {old, new}

    def _move(self, session: requests.Session, job_id: str, order: Order) -> None:
        moved = utcnow() + timedelta(seconds=self._chance.uniform(5, 15))
        answer = self._ask(session, "PATCH", f"/{job_id}", {"scheduledTime": to_iso(moved)})
        if answer.status == 200:
            order.scheduled = order.not_before = moved
        elif not answer.is_sure:
            order.scheduled = order.not_before = None

    def _ask(
        self,
        session: requests.Session,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """Send a request until it is answered."""
        headers = {"Authorization": f"Bearer {API_KEY}", "X-User-Id": "alice"}
        if key is not None:
            headers["Idempotency-Key"] = key
        is_sure = True
        while True:
            try:
                found = session.request(
                    method,
                    f"{self._url}/api/publish{path}",
                    json=body,
                    headers=headers,
                    timeout=RESPONSE_SECONDS,
                )
                if found.status_code < 500:
                    return Answer(found.status_code, found.json(), is_sure)
                assert found.status_code in (502, 503, 504), found.text
            except requests.RequestException:
                pass
            is_sure = False
            time.sleep(POLL_SECONDS)


def _is_short(number: int, platform: str) -> bool:
    return platform in SHORT_TOKEN and number % 3 == 0


@retry_while_away
def _waiting_posts() -> int:
    query = select(func.count()).where(
        PublishJob.state == JobState.WAITING, PublishJob.due_at <= utcnow()
    )
    return _count(query)


@retry_while_away
def _converting() -> int:
    """Count the posts that wait for their rendition."""
    query = select(func.count()).where(
        PublishJob.state == JobState.ACTIVE, PublishJob.step == Step.OPTIMIZE
    )
    return _count(query)


@retry_while_away
def unfinished() -> int:
    """Count the posts that have not ended, and the notifications that were not delivered."""
    posts = select(func.count()).where(PublishJob.state.in_(OPEN_STATES))
    notes = (
        select(func.count())
        .select_from(Notification)
        .where(Notification.state == NotificationState.PENDING)
    )
    return _count(posts) + _count(notes)


def rows(job_ids: list[str]) -> list[PublishJob]:
    """Read these jobs from the database."""
    query = select(PublishJob).execution_options(populate_existing=True)
    found = [
        job
        for first in range(0, len(job_ids), 500)
        for job in db.session.scalars(query.where(PublishJob.id.in_(job_ids[first : first + 500])))
    ]
    db.session.commit()
    return found


def _count(query: Any) -> int:
    try:
        return db.session.scalar(query) or 0
    finally:
        db.session.rollback()


class UnfitFilms:
    """Videos that every platform needs converted, all distinct: each is converted once."""

    def __init__(self, stage: Stage) -> None:
        self._storage: Storage = stage.app.extensions["storage"]
        self._content = stage.unfit_video.read_bytes()
        _, self._facts = examine(store_video(stage, path=stage.unfit_video).r2_key)

    @retry_while_away
    def another(self) -> StoredVideo:
        """Store another one."""
        name = new_id()
        # Players skip a Matroska element of the type Void.
        content = self._content + b"\xec" + bytes([0x80 + len(name)]) + name.encode()
        video = Video(user_id="alice", r2_key=f"videos/unfit-{name}.mkv")
        stored = self._storage.write(video.r2_key, io.BytesIO(content), len(content))
        set_facts(video, stored, replace(self._facts, size_bytes=len(content)))
        made = make_video(**_columns(video))
        return StoredVideo(made.id, made.r2_key, len(content), None)


def fitting_video(app: Flask, video: Video) -> StoredVideo:
    """Return a stored video whose own bytes must go live."""
    return StoredVideo(video.id, video.r2_key, video.file_size or 0, digest_of(app, video.r2_key))


def digest_of(app: Flask, key: str) -> str:
    """Return the SHA-256 of an object."""
    storage: Storage = app.extensions["storage"]
    stored, digest = storage.stat(key), hashlib.sha256()
    with storage.open(key, 0, stored.size_bytes, stored.etag) as stream:
        while piece := stream.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def _columns(video: Video) -> dict[str, Any]:
    return {name: value for name, value in vars(video).items() if not name.startswith("_")}


def store_video(stage: Stage, size_bytes: int | None = None, path: Path | None = None) -> Video:
    """Put a video of alice's into the store, padded to a size if given.

    By default the campaign's sample.
    """
    storage: Storage = stage.app.extensions["storage"]
    content = (path or stage.sample).read_bytes()
    if size_bytes is not None:
        padding = size_bytes - len(content)
        # Players skip an MP4 box of the type `free`.
        content += padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)
    key = f"videos/video-{len(content)}{(path or stage.sample).suffix}"
    storage.write(key, io.BytesIO(content), len(content))
    video = Video(user_id="alice", r2_key=key)
    set_facts(video, *examine(key))
    return make_video(**_columns(video))
