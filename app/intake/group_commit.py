"""A group commit among the threads that submit: concurrent requests are processed as one group.

The first thread to arrive leads: it processes its own request and all that queued up meanwhile,
then hands the lead to one of those that have arrived since. So there is no background thread to
start, watch or lose, and no group waits to fill up. Follow-up work, which need not delay the next
group, is done by the leader after it has handed over.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)
RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

GROUP_MAX = 100
#: How long a request waits for its group before it is processed alone: a group may be blocked.
PATIENCE_SECONDS = 1.0


@dataclass(eq=False)
class _Submission(Generic[RequestT, ResultT]):
    """A waiting request. `woken` is set when it is to lead, or has its result or its error."""

    request: RequestT
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    result: ResultT | None = None
    error: BaseException | None = None


class GroupCommit(Generic[RequestT, ResultT]):
    """Calls `process_group` with concurrent requests, one group after another.

    `process_group` returns a result for each request, in order, or None for one that must go to
    `process_one`, which may run in several threads at once. An error of `process_group` is raised
    for every request of the group. `follow_up` gets the results after the next group could start.
    """

    def __init__(
        self,
        process_one: Callable[[RequestT], ResultT],
        process_group: Callable[[Sequence[RequestT]], Sequence[ResultT | None]],
        follow_up: Callable[[Sequence[ResultT]], None] = lambda results: None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._process_one = process_one
        self._process_group = process_group
        self._follow_up = follow_up
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._has_leader = False
        self._waiting: deque[_Submission[RequestT, ResultT]] = deque()

    def submit(self, request: RequestT) -> ResultT:
        """Process the request with its group and return its result; raises the group's error."""
        submission: _Submission[RequestT, ResultT] = _Submission(request)
        if not self._lead_or_queue(submission):
            if not submission.woken.wait(self._patience_seconds):
                if self._withdraw(submission):
                    return self._process_one(request)
                submission.woken.wait()  # it was taken up just now
        if submission.leads:
            self._lead(submission)
        if submission.error is not None:
            raise submission.error
        return self._process_one(request) if submission.result is None else submission.result

    def _lead_or_queue(self, submission: _Submission[RequestT, ResultT]) -> bool:
        """Take the lead where it is free, else queue up; return whether this one leads."""
        with self._lock:
            submission.leads, self._has_leader = not self._has_leader, True
            if not submission.leads:
                self._waiting.append(submission)
            return submission.leads

    def _withdraw(self, submission: _Submission[RequestT, ResultT]) -> bool:
        with self._lock:
            if submission not in self._waiting:
                return False
            self._waiting.remove(submission)
            return True

    def _lead(self, leader: _Submission[RequestT, ResultT]) -> None:
        with self._lock:
            count = min(len(self._waiting), GROUP_MAX - 1)
            others = [self._waiting.popleft() for _ in range(count)]
        group = [leader, *others]
        try:
            self._process(group)
        finally:
            for submission in others:
                submission.woken.set()
            self._hand_over()
        results = [submission.result for submission in group if submission.result is not None]
        try:
            self._follow_up(results)
        except Exception:
            logger.exception("bug in the follow-up of %d results, which stand", len(results))

    def _hand_over(self) -> None:
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._has_leader = following is not None
        if following is not None:
            following.leads = True
            following.woken.set()

    def _process(self, group: Sequence[_Submission[RequestT, ResultT]]) -> None:
        try:
            results = self._process_group([submission.request for submission in group])
            for submission, result in zip(group, results, strict=True):
                submission.result = result
        except BaseException as error:
            # The outcome is unknown for all of them, so none may be processed again. Each thread
            # raises its own copy: a shared one would collect the traceback frames of them all.
            for submission in group:
                submission.error = _copied(error)


def _copied(error: BaseException) -> BaseException:
    try:
        return copy.copy(error)
    except Exception:  # not every exception can be rebuilt from its arguments
        return error
