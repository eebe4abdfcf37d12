"""How many orders may be at work at once."""

from __future__ import annotations

import pytest

from workers.engine.slots import Slots


@pytest.fixture
def slots() -> Slots:
    return Slots(["a", "b", "c"], uploads=2, others={"poll-a": 1, "maintenance": 1})


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


def test_slot_that_was_given_back_is_free(slots: Slots) -> None:
    slots.take("a")
    slots.take("a")
    slots.give_back("a")
    assert slots.is_free("a")
    assert slots.uploads_left == 1


def test_looks_and_maintenance_wait_for_no_upload(slots: Slots) -> None:
    for lane in ("a", "a", "b", "c"):
        slots.take(lane)
    assert slots.is_free("poll-a") and slots.is_free("maintenance")
    slots.take("maintenance")
    assert not slots.is_free("maintenance") and slots.is_free("poll-a")
