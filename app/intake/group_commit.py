"""Answering together what is asked at the same time, by the threads that ask: a group commit.

Whoever comes first leads: it answers itself and all who have come meanwhile, and then calls the
next leader from those who came while it was at it. So there is no thread to start, to watch or
to lose, and nothing waits for a group to fill up. What is to follow the answers, and need not keep
the next group waiting, the leader does afterwards.
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
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

#: The most that are answered at once.
MOST = 100
#: For how long to wait for a turn, before being answered alone: a group may be held up.
PATIENCE_SECONDS = 1.0


@dataclass(eq=False)
class _Place(Generic[Asked, Answer]):
    """One who waits. `called`: it is to lead, or has been answered, or knows why it was not."""

    asked: Asked
    called: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    answer: Answer | None = None
    error: BaseException | None = None


class Together(Generic[Asked, Answer]):
    """Calls `many` with what is asked at the same time, one group after another.

    `many` returns an answer for each, in their order, or None for what is to be asked of `one`,
    which may run in several threads at once. What `many` raises is raised for all of the group.
    `afterwards` gets what was answered, when the next group has been let go on.
    """

    def __init__(
        self,
        one: Callable[[Asked], Answer],
        many: Callable[[Sequence[Asked]], Sequence[Answer | None]],
        afterwards: Callable[[Sequence[Answer]], None] = lambda answers: None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._one = one
        self._many = many
        self._afterwards = afterwards
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._is_led = False
        self._waiting: deque[_Place[Asked, Answer]] = deque()

    def ask(self, asked: Asked) -> Answer:
        """Return the answer, or raise what came instead of it."""
        place: _Place[Asked, Answer] = _Place(asked)
        if not self._come(place) and not place.called.wait(self._patience_seconds):
            if self._leave(place):
                return self._one(asked)
            place.called.wait()  # it was called just now, or is being answered
        if place.leads:
            self._lead(place)
        if place.error is not None:
            raise place.error
        return self._one(asked) if place.answer is None else place.answer

    def _come(self, place: _Place[Asked, Answer]) -> bool:
        """Lead where nobody does, or wait; tell which."""
        with self._lock:
            place.leads, self._is_led = not self._is_led, True
            if not place.leads:
                self._waiting.append(place)
            return place.leads

    def _leave(self, place: _Place[Asked, Answer]) -> bool:
        with self._lock:
            if place not in self._waiting:
                return False
            self._waiting.remove(place)
            return True

    def _lead(self, leader: _Place[Asked, Answer]) -> None:
        with self._lock:
            others = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST - 1))]
        group = [leader, *others]
        try:
            self._answer(group)
        finally:
            for place in others:
                place.called.set()
            self._call_next()
        self._follow_up([place.answer for place in group if place.answer is not None])

    def _follow_up(self, answers: Sequence[Answer]) -> None:
        try:
            self._afterwards(answers)
        except Exception:
            logger.exception("bug after %d answers, which stand", len(answers))

    def _call_next(self) -> None:
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._is_led = following is not None
        if following is not None:
            following.leads = True
            following.called.set()

    def _answer(self, group: Sequence[_Place[Asked, Answer]]) -> None:
        try:
            answers = self._many([place.asked for place in group])
            for place, answer in zip(group, answers, strict=True):
                place.answer = answer
        except BaseException as error:
            # Whether it was done is not known of any: nobody may do it again by itself. And no two
            # threads raise the same object, which would gather the frames of all of them.
            for place in group:
                place.error = _copied(error)


def _copied(error: BaseException) -> BaseException:
    try:
        return copy.copy(error)
    except Exception:  # not every error can be made anew of its arguments
        return error
