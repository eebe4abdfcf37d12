"""Renders a job's status as Server-Sent Events.

https://html.spec.whatwg.org/multipage/server-sent-events.html

Every event carries the whole status, so a client needs only the last one. Its id is a fingerprint
of the status: the same in every process, and without a counter that every write would increment.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from flask import Flask

from app.api.job_views import status_of
from app.clock import utcnow
from app.live.hub import Change, Event, Hub
from app.queries.jobs import JobView, find_jobs
from app.queries.marks import changed_jobs
from app.schemas.publish_responses import StatusSchema
from app.states import FINAL_STATES

#: How long a client waits before it reconnects, spread so that not all do so at once.
RETRY_MS = (1000, 3000)
ID_CHARACTERS = 16
#: Jobs that are read and sent per batch, so that the first need not wait for the last.
BATCH_JOBS = 200


def event_of(view: JobView, now: datetime) -> Event:
    """Return the event that carries a job's status."""
    status = StatusSchema().dump(status_of(view, now))
    data = json.dumps(status, separators=(",", ":"), ensure_ascii=False)
    event_id = hashlib.sha256(data.encode()).hexdigest()[:ID_CHARACTERS]
    content = f"event: status\nid: {event_id}\ndata: {data}\n\n".encode()
    return Event(event_id, content, is_last=view.job.state in FINAL_STATES)


def retry_line() -> bytes:
    """Return the line that tells a client how long to wait before it reconnects."""
    return f"retry: {random.randint(*RETRY_MS)}\n\n".encode()


def open_hub(app: Flask) -> Hub:
    """Return the hub of an application's listeners."""
    return Hub(_find_changes_of(app))


def _find_changes_of(app: Flask) -> Callable[[Mapping[str, Any]], Iterator[Change]]:
    def find_changes(known: Mapping[str, Any]) -> Iterator[Change]:
        with app.app_context():
            changed = changed_jobs(known, utcnow())
        waiting = iter(changed)
        while batch := list(islice(waiting, BATCH_JOBS)):
            with app.app_context():
                yield from _changes(batch, changed)

    return find_changes


def _changes(job_ids: Sequence[str], marks: Mapping[str, Any]) -> Iterator[Change]:
    now = utcnow()
    views = {view.job.id: view for view in find_jobs(job_ids)}
    for job_id in job_ids:
        view = views.get(job_id)
        yield Change(job_id, marks[job_id], None if view is None else event_of(view, now))
