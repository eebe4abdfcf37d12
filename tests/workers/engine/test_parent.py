"""A child whose parent has been killed, and which has not been told to stop yet."""

from __future__ import annotations

from multiprocessing import Pipe

from app.clock import utcnow
from app.ids import new_id
from app.queues import Wake
from app.queues.names import DELIVER
from workers.engine.horse import Parent


def test_wake_ups_are_left_to_redis() -> None:
    ours, theirs = Pipe()
    parent = Parent(theirs)
    poll = Wake(new_id(), "TIKTOK", utcnow(), 1, is_poll=True)
    assert parent.keep(poll) and parent.keep_maintenance(DELIVER)
    ours.close()
    assert not parent.keep(poll)
    assert not parent.keep_maintenance(DELIVER)
    parent.report_claim(poll.job_id, 1)
    theirs.close()
