"""A child and its parent: a parent that has been killed, and a signal right after the fork."""

from __future__ import annotations

import os
import signal
from multiprocessing import Pipe

from flask import Flask

from app.clock import utcnow
from app.ids import new_id
from app.queues import Wake
from app.queues.names import DELIVER
from tests.processes import FORKS_AMID_THREADS
from workers.engine.horse import UNREAD_STATUS, Parent, fork_horse


def test_wake_ups_are_left_to_redis() -> None:
    ours, theirs = Pipe()
    parent = Parent(theirs)
    poll = Wake(new_id(), "TIKTOK", utcnow(), 1, is_poll=True)
    assert parent.keep(poll) and parent.keep_call(DELIVER)
    ours.close()
    assert not parent.keep(poll)
    assert not parent.keep_call(DELIVER)
    parent.report_claim(poll.job_id, 1)
    theirs.close()


@FORKS_AMID_THREADS
def test_signal_right_after_the_fork_is_not_swallowed(app: Flask) -> None:
    """Until the child has its own handlers, it has those of its parent."""
    lifeline = os.pipe()
    horse = fork_horse(app, lifeline, lambda: os.kill(os.getpid(), signal.SIGTERM))
    _, status = os.waitpid(horse.pid, 0)
    horse.pipe.close()
    for end in lifeline:
        os.close(end)
    assert os.waitstatus_to_exitcode(status) == UNREAD_STATUS
