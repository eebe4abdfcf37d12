"""The worker process's heartbeat in the database, from which others tell that workers live."""

from __future__ import annotations

import logging
import socket
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.database.transaction import transaction
from app.database.versions import reason
from app.models import WorkerProcess

logger = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 10.0
#: Rows of processes not seen for this long are deleted.
FORGET_AFTER = timedelta(hours=1)


def record_heartbeat(process_id: str, platforms: str, concurrency: int) -> None:
    """Record that the process lives. A child runs this, so it proves that children work too."""
    try:
        _record(process_id, platforms, concurrency)
    except SQLAlchemyError as exc:
        logger.warning("heartbeat not recorded: %s", reason(exc))


def _record(process_id: str, platforms: str, concurrency: int) -> None:
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
