"""Concurrent requests are processed as groups. See `app.intake.group_commit`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.intake.group_commit import GROUP_MAX, GroupCommit
from tests.processes import PATIENCE_SECONDS, wait_until


class Processor:
    """Processes requests and records how; the first group blocks until `goes_on` is set."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.groups: list[list[int]] = []
        self.alone: list[int] = []
        self.goes_on = threading.Event()
        self.commit = GroupCommit(self._one, self._many, patience_seconds=patience_seconds)
        self._pool = ThreadPoolExecutor(150)

    def submit(self, asked: int) -> Future[str]:
        """Submit a request from its own thread."""
        return self._pool.submit(self.commit.submit, asked)

    def hold(self) -> Future[str]:
        """Submit the request whose group all others wait for."""
        first = self.submit(0)
        wait_until(lambda: self.groups == [[0]], "the first group is being processed")
        return first

    def submit_meanwhile(self, *asked: int) -> list[Future[str]]:
        """Submit requests while a group is being processed."""
        futures = [self.submit(one) for one in asked]
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


def test_single_request_does_not_wait() -> None:
    processor = Processor()
    processor.goes_on.set()
    assert [processor.commit.submit(asked) for asked in (1, 2)] == ["1", "2"]
    assert processor.groups == [[1], [2]]


def test_waiting_requests_form_one_group() -> None:
    processor = Processor()
    first = processor.hold()
    others = processor.submit_meanwhile(1, 2, 3)
    processor.goes_on.set()
    assert answers([first, *others]) == ["0", "1", "2", "3"]
    assert [sorted(group) for group in processor.groups] == [[0], [1, 2, 3]]


def test_group_is_bounded_and_the_rest_form_the_next() -> None:
    processor = Processor()
    first = processor.hold()
    others = processor.submit_meanwhile(*range(1, GROUP_MAX + 21))
    processor.goes_on.set()
    assert answers(others) == [str(asked) for asked in range(1, GROUP_MAX + 21)]
    assert [len(group) for group in processor.groups] == [1, GROUP_MAX, 20]
    assert answers([first]) == ["0"]


def test_request_without_a_group_result_is_processed_alone() -> None:
    processor = Processor()
    first = processor.hold()
    others = processor.submit_meanwhile(1, -2)
    processor.goes_on.set()
    assert answers([first, *others]) == ["0", "1", "-2 alone"]


def test_error_of_a_group_is_raised_for_all_of_it() -> None:
    processor = Processor()
    processor.hold()
    others = processor.submit_meanwhile(1, 999)
    processor.goes_on.set()
    for future in others:
        with pytest.raises(ValueError, match="of 2"):
            future.result(PATIENCE_SECONDS)
    assert processor.alone == []
    assert processor.commit.submit(4) == "4"  # the next group has a leader again


def test_every_request_raises_its_own_copy_of_the_error() -> None:
    processor = Processor()
    processor.hold()
    others = processor.submit_meanwhile(1, 2, 999)
    processor.goes_on.set()
    errors = [future.exception(PATIENCE_SECONDS) for future in others]
    assert len({id(error) for error in errors}) == 3


def test_follow_up_neither_delays_nor_spoils_results() -> None:
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


def test_request_that_waits_too_long_is_processed_alone_and_once() -> None:
    processor = Processor(patience_seconds=0.05)
    first = processor.hold()
    assert answers([processor.submit(1)]) == ["1 alone"]
    processor.goes_on.set()
    assert answers([first]) == ["0"]
    assert processor.commit.submit(2) == "2"
    assert processor.groups == [[0], [2]]
