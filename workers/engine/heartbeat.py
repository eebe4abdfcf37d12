"""The worker process's heartbeat in the database, from which others tell that workers live."""

from __future__ import annotations

import socket
from datetime import timedelta

from sqlalchemy import delete

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import WorkerProcess

HEARTBEAT_SECONDS = 10.0
#: Rows of processes not seen for this long are deleted.
FORGET_AFTER = timedelta(hours=1)


def record_heartbeat(process_id: str, platforms: str, concurrency: int) -> None:
    """Record that the process lives. A child runs this, so it proves that children work too."""
    now = utcnow()
    with transaction() as session:
        process = session.get(WorkerProcess, process_id)
        if process is not None:
            process.seen_at = now
            return
        session.execute(delete(WorkerProcess).where(WorkerProcess.seen_at < now - FORGET_AFTER))
        session.add(
            WorkerProcess(
                id=process_id,
                host=socket.gethostname()[:255],
                platforms=platforms,
                concurrency=concurrency,
                started_at=now,
                seen_at=now,
            )
        )
