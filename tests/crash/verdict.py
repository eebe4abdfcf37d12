"""The audit of a campaign: the sandbox's journal decides."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.database.retrying import retry_while_away
from app.extensions import db
from app.media.facts import Probe
from app.media.plan import Work, plan_for
from app.models import PublishedPost, PublishJob, Rendition, TimelineEntry
from app.states import JobState, RenditionState
from tests.crash.load import Load, Order, digest_of, rows
from tests.crash.stage import Stage

#: The journal has milliseconds at best, and rounds down.
CLOCK = timedelta(seconds=1)
_CAPTION = re.compile(r"Post\d+n(\d{6})e?")
UPLOADS = ("tiktok.upload", "instagram.upload", "youtube.upload")


@dataclass(frozen=True)
class Live:
    """One post that went live."""

    caption: str
    at: datetime
    sha256: str


@dataclass(frozen=True)
class Made:
    """A rendition in the store, and its probe."""

    sha256: str
    size_bytes: int
    facts: Probe

    def fits(self, platform: str) -> bool:
        """Return whether the platform accepts it unchanged: container, codecs, size and all."""
        plan = plan_for(platform, self.facts)
        return plan.work is Work.NOTHING and not plan.refusals


@dataclass(frozen=True)
class Verdict:
    """The figures of one campaign. `faults` maps broken promises to their jobs."""

    accepted: int
    cancelled: int
    live: int
    converted: int
    interrupted: int
    without_id: int
    uploaded_bytes: int
    resumed_bytes: int
    late_seconds: list[float]
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Return whether all promises were kept."""
        return self.accepted > 0 and not any(self.faults.values())


@retry_while_away
def audit(stage: Stage, load: Load) -> Verdict:
    """Compare the orders with the live posts and with the notifications."""
    journal = (stage.sandbox.state_dir / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in journal]
    live = _live_by_order(entries)
    faults: dict[str, list[str]] = {
        name: []
        for name in (
            *("lost", "doubled", "unasked", "unwanted", "stale", "early", "wasted", "untold"),
            *("garbled", "unfit"),
        )
    }
    jobs = rows(list(load.orders))
    made = _made(stage, [order.video.key for order in load.orders.values()])
    for job in jobs:
        order = load.orders[job.id]
        line = f"{job.id} {job.platform} {job.state.value} {job.error_code} {job.error_message}"
        broken = _broken(job, order, live[order.number], stage.receiver.told[job.id])
        for name in (*broken, *_wrong(order, live[order.number], made[order.video.key])):
            faults[name].append(line)
    known = {order.number for order in load.orders.values()}
    faults["unasked"] = [str(number) for number in live if live[number] and number not in known]
    sizes = {order.number: _size(order, made[order.video.key]) for order in load.orders.values()}
    needed = sum(sizes.get(number, 0) * len(posts) for number, posts in live.items())
    sent, resumed = _bytes(entries, needed)
    return Verdict(
        accepted=len(load.orders),
        cancelled=sum(order.is_cancelled for order in load.orders.values()),
        live=sum(map(len, live.values())),
        converted=sum(
            len(live[order.number]) for order in load.orders.values() if not order.video.sha256
        ),
        interrupted=_count_lost_runs(),
        without_id=_count_without_id(),
        uploaded_bytes=sent,
        resumed_bytes=resumed,
        late_seconds=[
            (job.started_at - order.scheduled).total_seconds()
            for job in jobs
            if (order := load.orders[job.id]).scheduled and job.started_at
        ],
        faults=faults,
    )


def _broken(job: PublishJob, order: Order, live: list[Live], told: dict[str, str]) -> list[str]:
    """Return the names of the promises that were broken for one order."""
    state = JobState.CANCELLED if order.is_cancelled else JobState.COMPLETED
    found = {
        "lost": job.state is not state or (not order.is_cancelled and not live),
        "unwanted": order.is_cancelled and bool(live),
        "doubled": len(live) > 1,
        "stale": any(post.caption not in order.captions for post in live),
        "early": any(order.not_before and post.at + CLOCK < order.not_before for post in live),
        "wasted": order.is_calm and not order.is_cancelled and job.attempts_made != 1,
        "untold": [*told.values()] != [f"publish.{state.value}"],
    }
    return [name for name, is_so in found.items() if is_so]


def _wrong(order: Order, live: list[Live], made: list[Made]) -> list[str]:
    """Return what is wrong with the bytes that went live: they must be the video's own, or a
    rendition that fits the platform."""
    if order.video.sha256 is not None:
        is_garbled = any(post.sha256 != order.video.sha256 for post in live)
        return ["garbled"] if is_garbled else []
    of_it = {one.sha256: one for one in made}
    posted = [of_it.get(post.sha256) for post in live]
    is_unfit = any(one is not None and not one.fits(order.platform) for one in posted)
    return ["garbled"] * (None in posted) + ["unfit"] * is_unfit


def _size(order: Order, made: list[Made]) -> int:
    return (
        order.video.size_bytes
        if order.video.sha256
        else max((m.size_bytes for m in made), default=0)
    )


def _made(stage: Stage, keys: list[str]) -> dict[str, list[Made]]:
    """Return the renditions of each object."""
    made: dict[str, list[Made]] = defaultdict(list)
    query = select(Rendition).where(Rendition.state == RenditionState.READY)
    for one in db.session.scalars(query.where(Rendition.source_key.in_(keys))):
        assert one.r2_key is not None and one.probe is not None
        digest = digest_of(stage.app, one.r2_key)
        made[one.source_key].append(Made(digest, one.file_size or 0, Probe.load(one.probe)))
    db.session.commit()
    return made


def _live_by_order(entries: list[dict[str, Any]]) -> dict[int, list[Live]]:
    live: dict[int, list[Live]] = defaultdict(list)
    for entry in entries:
        if entry["event"] == "live":
            found = _CAPTION.search(f"{entry['caption']} {entry['title']}")
            at = datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
            # -1: a post that nobody ordered
            number = int(found[1]) if found else -1
            live[number].append(Live(found[0] if found else "", at, entry["sha256"]))
    return live


def _bytes(entries: list[dict[str, Any]], needed: int) -> tuple[int, int]:
    """Return the bytes that the platforms received, and those that later uploads resumed from.

    The bytes of a broken upload that were not sent again were resumed from.
    """
    uploads = [entry for entry in entries if entry.get("call") in UPLOADS]
    sent = sum(entry["bytes"] for entry in uploads)
    broken = sum(entry["bytes"] for entry in uploads if entry["status"] is None)
    return sent, max(0, broken - max(0, sent - needed))


def _count_lost_runs() -> int:
    query = select(func.count()).where(
        TimelineEntry.kind == "step", TimelineEntry.outcome == "lost"
    )
    return db.session.scalar(query) or 0


def _count_without_id() -> int:
    query = select(func.count()).where(PublishedPost.platform_post_id.is_(None))
    return db.session.scalar(query) or 0
