"""The parent's timer."""

from __future__ import annotations

from workers.engine.orders import Call
from workers.engine.waits import Wait, Waits

FIRST, SECOND = Wait("pool", Call("first")), Wait("pool", Call("second"))


def test_call_that_waits_for_a_slot_is_not_added_again() -> None:
    waits = Waits()
    waits.add_once(FIRST)
    assert list(waits.take_due(lambda pool: False)) == []
    waits.add_once(FIRST)
    waits.add_once(SECOND)
    assert list(waits) == [FIRST, SECOND]
    assert list(waits.take_due(lambda pool: True)) == [FIRST, SECOND]
    assert list(waits) == []


def test_slot_that_one_call_takes_is_not_given_to_the_next() -> None:
    waits, taken = Waits(), []
    waits.add_once(FIRST)
    waits.add_once(SECOND)
    for wait in waits.take_due(lambda pool: not taken):
        taken.append(wait)
    assert taken == [FIRST] and list(waits) == [SECOND]
