"""The parent's timer."""

from __future__ import annotations

from workers.engine.orders import Call
from workers.engine.timer import TimedCall, Timer

FIRST, SECOND = TimedCall("pool", Call("first")), TimedCall("pool", Call("second"))


def test_call_that_waits_for_a_slot_is_not_added_again() -> None:
    timer = Timer()
    timer.add_once(FIRST)
    assert list(timer.take_due(lambda pool: False)) == []
    timer.add_once(FIRST)
    timer.add_once(SECOND)
    assert list(timer) == [FIRST, SECOND]
    assert list(timer.take_due(lambda pool: True)) == [FIRST, SECOND]
    assert list(timer) == []


def test_slot_that_one_call_takes_is_not_given_to_the_next() -> None:
    timer, taken = Timer(), []
    timer.add_once(FIRST)
    timer.add_once(SECOND)
    for timed in timer.take_due(lambda pool: not taken):
        taken.append(timed)
    assert taken == [FIRST] and list(timer) == [SECOND]
