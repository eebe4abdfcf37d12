"""What became of the posts: the platforms' journal decides."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from app.extensions import db
from app.models import TimelineEntry
from app.states import JobState
from tests.crash.load import Load, rows
from tests.crash.stage import Stage


@dataclass(frozen=True)
class Verdict:
    """The figures of one campaign. The lists name jobs, a line each; all should be empty."""

    accepted: int
    live: int
    lost: list[str]
    doubled: list[str]
    wasted: list[str]
    interrupted: int
    bytes_beyond: int

    @property
    def is_good(self) -> bool:
        """Tell whether the promises were kept."""
        return self.accepted > 0 and not (self.lost or self.doubled or self.wasted)


def judge(stage: Stage, load: Load) -> Verdict:
    """Compare what was accepted with what is live."""
    journal = (stage.sandbox.state_dir / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in journal]
    live = Counter(_marker(entry) for entry in entries if entry["event"] == "live")
    jobs = rows(list(load.markers))
    sent = sum(entry["bytes"] for entry in entries if entry["event"] == "call")
    lost_runs = select(func.count()).where(
        TimelineEntry.kind == "step", TimelineEntry.outcome == "lost"
    )
    return Verdict(
        accepted=len(load.markers),
        live=sum(live.values()),
        lost=[
            f"{job.id} {job.platform} {job.state.value} {job.error_code} {job.error_message}"
            for job in jobs
            if job.state is not JobState.COMPLETED or not live[job.caption]
        ],
        doubled=[f"{job.id} {job.platform}" for job in jobs if live[job.caption] > 1],
        wasted=[
            f"{job.id} {job.platform} {job.attempts_made} attempts"
            for job in jobs
            if job.account_id in load.calm_ids and job.attempts_made != 1
        ],
        interrupted=db.session.scalar(lost_runs) or 0,
        bytes_beyond=sent - len(load.markers) * load.video_bytes,
    )


def _marker(entry: dict[str, str]) -> str:
    """Return the caption that makes a live post one job's."""
    found = re.search(r"Post\d+n\d{6}", f"{entry['caption']} {entry['title']}")
    return found[0] if found else "a post that nobody asked for"
