"""The cost of a claim with few and with very many waiting posts of a blocked account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import insert

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.limits.lanes import refresh_lane
from app.models import Account, PublishJob, Video
from app.publishing import outcomes
from app.publishing.claims import claim_next
from app.publishing.create import NewJob, create_jobs
from app.states import JobState, VideoState
from bench.bench import Bench
from bench.figures import OURS, Figure

FEW = 10
CLAIMS = 30
BATCH = 5000


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the milliseconds of a claim, with few and with many waiting posts."""
    with bench.stage():
        blocked, busy = _account(), _account()
        video_id = _video()
        _wait(blocked, video_id, FEW)
        # The account's only upload slot is taken, and stays so.
        now = utcnow()  # one time for all claims: that upload's lease must not expire meanwhile
        assert claim_next("TIKTOK", now) is not None
        for count in (FEW, bench.size.waiting_posts):
            _wait(blocked, video_id, count)
            name = f"one claim, {count:,} posts of a blocked account waiting"
            yield Figure(name, "ms", {OURS: _claims(busy, video_id, now)})


def _claims(account_id: str, video_id: str, now: datetime) -> list[float]:
    spent = []
    for _ in range(CLAIMS):
        new = NewJob(
            user_id="bench",
            account_id=account_id,
            video_id=video_id,
            platform="TIKTOK",
            caption="",
            privacy_level="public",
            priority=5,
            due_at=now,
        )
        create_jobs([new], now)
        started = time.perf_counter()
        claim = claim_next("TIKTOK", now)
        spent.append((time.perf_counter() - started) * 1000)
        if claim is None or claim.account_id != account_id:
            raise RuntimeError("the wrong post was claimed")
        outcomes.cancel(claim, now)
    return spent


def _wait(account_id: str, video_id: str, count: int) -> None:
    due_at = utcnow() - timedelta(seconds=1)
    for first in range(0, count, BATCH):
        rows = [
            {
                "id": new_id(),
                "user_id": "bench",
                "account_id": account_id,
                "video_id": video_id,
                "platform": "TIKTOK",
                "privacy_level": "public",
                "priority": 5,
                "max_attempts": 3,
                "backoff_type": "fixed",
                "backoff_delay_ms": 5000,
                "state": JobState.WAITING,
                "due_at": due_at,
            }
            for _ in range(min(BATCH, count - first))
        ]
        with transaction() as session:
            session.execute(insert(PublishJob), rows)
    with transaction() as session:
        refresh_lane(session, account_id, 5, "TIKTOK")


def _account() -> str:
    account = Account(id=new_id(), user_id="bench", platform="TIKTOK", platform_user_id=new_id())
    with transaction() as session:
        session.add(account)
    return account.id


def _video() -> str:
    video = Video(id=new_id(), user_id="bench", r2_key="bench.mp4", state=VideoState.READY)
    with transaction() as session:
        session.add(video)
    return video.id
