"""Concurrent requests are processed as groups. See `app.intake.group_commit`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.intake.group_commit import GROUP_MAX, GroupCommit
from tests.processes import PATIENCE_SECONDS, wait_until


class Desk:
    """Answers with what it was asked, and remembers how; the first group waits to be let go."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.groups: list[list[int]] = []
        self.alone: list[int] = []
        self.goes_on = threading.Event()
        self.commit = GroupCommit(self._one, self._many, patience_seconds=patience_seconds)
        self._pool = ThreadPoolExecutor(150)

    def ask(self, asked: int) -> Future[str]:
        """Ask in a thread of its own."""
        return self._pool.submit(self.commit.submit, asked)

    def hold(self) -> Future[str]:
        """Ask, and be the group that all others wait for."""
        first = self.ask(0)
        wait_until(lambda: self.groups == [[0]], "the first group is being answered")
        return first

    def ask_meanwhile(self, *asked: int) -> list[Future[str]]:
        """Ask while a group is being answered."""
        futures = [self.ask(one) for one in asked]
        waiting = self.commit._waiting
        wait_until(lambda: len(waiting) == len(asked), "all wait")
        return futures

    def _one(self, asked: int) -> str:
        self.alone.append(asked)
        return f"{asked} alone"

    def _many(self, group: Sequence[int]) -> list[str | None]:
        self.groups.append(list(group))
        if len(self.groups) == 1:
            assert self.goes_on.wait(PATIENCE_SECONDS)
        if 999 in group:
            raise ValueError(f"of {len(group)}")
        return [None if asked < 0 else str(asked) for asked in group]


def answers(futures: Sequence[Future[str]]) -> list[str]:
    return [future.result(PATIENCE_SECONDS) for future in futures]


def test_who_comes_alone_waits_for_nobody() -> None:
    desk = Desk()
    desk.goes_on.set()
    assert [desk.commit.submit(asked) for asked in (1, 2)] == ["1", "2"]
    assert desk.groups == [[1], [2]]


def test_who_come_meanwhile_are_answered_together_each_with_its_own() -> None:
    desk = Desk()
    first = desk.hold()
    others = desk.ask_meanwhile(1, 2, 3)
    desk.goes_on.set()
    assert answers([first, *others]) == ["0", "1", "2", "3"]
    assert [sorted(group) for group in desk.groups] == [[0], [1, 2, 3]]


def test_a_group_has_its_most_and_the_rest_are_the_next() -> None:
    desk = Desk()
    first = desk.hold()
    others = desk.ask_meanwhile(*range(1, GROUP_MAX + 21))
    desk.goes_on.set()
    assert answers(others) == [str(asked) for asked in range(1, GROUP_MAX + 21)]
    assert [len(group) for group in desk.groups] == [1, GROUP_MAX, 20]
    assert answers([first]) == ["0"]


def test_one_that_is_not_for_the_group_is_answered_alone() -> None:
    desk = Desk()
    first = desk.hold()
    others = desk.ask_meanwhile(1, -2)
    desk.goes_on.set()
    assert answers([first, *others]) == ["0", "1", "-2 alone"]


def test_an_error_is_that_of_all_and_nobody_is_answered_alone_after_it() -> None:
    desk = Desk()
    desk.hold()
    others = desk.ask_meanwhile(1, 999)
    desk.goes_on.set()
    for future in others:
        with pytest.raises(ValueError, match="of 2"):
            future.result(PATIENCE_SECONDS)
    assert desk.alone == []
    assert desk.commit.submit(4) == "4"  # and the next are led again


def test_no_two_raise_the_same_error() -> None:
    desk = Desk()
    desk.hold()
    others = desk.ask_meanwhile(1, 2, 999)
    desk.goes_on.set()
    errors = [future.exception(PATIENCE_SECONDS) for future in others]
    assert len({id(error) for error in errors}) == 3


def test_what_follows_the_answers_keeps_nobody_waiting_and_spoils_none() -> None:
    goes_on, followed = threading.Event(), list[Sequence[str]]()

    def follow(answers: Sequence[str]) -> None:
        followed.append(answers)
        if len(followed) == 1:
            assert goes_on.wait(PATIENCE_SECONDS)
            raise ValueError("a bug")

    commit = GroupCommit(str, lambda group: [str(asked) for asked in group], follow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(commit.submit, 1)
        wait_until(lambda: followed, "the first is followed up")
        assert commit.submit(2) == "2"
        goes_on.set()
        assert first.result(PATIENCE_SECONDS) == "1"
    assert followed == [["1"], ["2"]]


def test_who_waits_too_long_for_a_turn_is_answered_alone_and_once() -> None:
    desk = Desk(patience_seconds=0.05)
    first = desk.hold()
    assert answers([desk.ask(1)]) == ["1 alone"]
    desk.goes_on.set()
    assert answers([first]) == ["0"]
    assert desk.commit.submit(2) == "2"
    assert desk.groups == [[0], [2]]
