"""Making this process tree known in the database: who asks whether workers live looks there."""

from __future__ import annotations

import socket
from datetime import timedelta

from sqlalchemy import delete

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import WorkerTree

BEAT_SECONDS = 10.0
#: Trees that have not been seen for this long are of no interest to anybody.
FORGET_AFTER = timedelta(hours=1)


def beat(tree_id: str, platforms: str, concurrency: int) -> None:
    """Write down that the tree lives. Executed by one of its children, so it also works."""
    now = utcnow()
    with transaction() as session:
        tree = session.get(WorkerTree, tree_id)
        if tree is not None:
            tree.seen_at = now
            return
        session.execute(delete(WorkerTree).where(WorkerTree.seen_at < now - FORGET_AFTER))
        session.add(
            WorkerTree(
                id=tree_id,
                host=socket.gethostname()[:255],
                platforms=platforms,
                concurrency=concurrency,
                started_at=now,
                seen_at=now,
            )
        )
