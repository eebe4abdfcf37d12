"""The slots of a worker."""

from __future__ import annotations

import pytest

from workers.engine.slots import RESERVE, Slots


@pytest.fixture
def slots() -> Slots:
    return Slots(["a", "b", "c"], uploads=2, others={"poll-a": 1, "maintenance": 1})


@pytest.fixture
def many() -> Slots:
    return Slots(["a", "b", "c"], uploads=5, others={})


def fill(slots: Slots, pool: str) -> int:
    """Start as many orders of a pool as may start; return how many."""
    count = 0
    while slots.is_free(pool):
        slots.take(pool)
        count += 1
    return count


def test_uploads_share_their_slots(slots: Slots) -> None:
    slots.take("a")
    assert slots.is_free("a")
    slots.take("a")
    assert not slots.is_free("a")


def test_platform_that_holds_all_slots_holds_up_no_other(slots: Slots) -> None:
    slots.take("a")
    slots.take("a")
    assert slots.is_free("b") and slots.is_free("c")
    slots.take("b")
    assert not slots.is_free("b") and slots.is_free("c")


def test_one_platform_alone_has_all_slots(many: Slots) -> None:
    assert fill(many, "a") == 5


def test_platform_that_hangs_on_all_slots_leaves_the_others_theirs(many: Slots) -> None:
    fill(many, "a")
    assert fill(many, "b") == RESERVE
    assert fill(many, "c") == 1


def test_platform_that_comes_last_is_left_as_much(many: Slots) -> None:
    assert [fill(many, pool) for pool in "bca"] == [5, 2, 1]


def test_what_ends_is_followed_by_no_more_than_the_slots_there_are(many: Slots) -> None:
    fill(many, "a"), fill(many, "b"), fill(many, "c")
    many.release("a")
    assert not many.is_free("a")
    many.release("a")
    many.release("a")
    assert not many.is_free("a")  # two, and three of the others
    many.release("a")
    assert many.is_free("a")


def test_slot_that_was_given_back_is_free(slots: Slots) -> None:
    slots.take("a")
    slots.take("a")
    slots.release("a")
    assert slots.is_free("a")
    assert slots.room("a") == 1


def test_polls_and_maintenance_wait_for_no_upload(slots: Slots) -> None:
    for pool in ("a", "a", "b", "c"):
        slots.take(pool)
    assert slots.is_free("poll-a") and slots.is_free("maintenance")
    slots.take("maintenance")
    assert not slots.is_free("maintenance") and slots.is_free("poll-a")
