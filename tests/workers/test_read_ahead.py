"""Read-ahead: in order, bounded, and ended by either side."""

from __future__ import annotations

import pytest

from tests.workers.pieces import LIMIT_SECONDS, Pieces
from workers.publishing.read_ahead import AHEAD_PIECES, ReadAhead


def all_of(stream: ReadAhead, size: int) -> bytes:
    return b"".join(bytes(piece) for piece in iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_pieces_come_in_order_and_whole(size: int) -> None:
    inner = Pieces(20)
    expected = b"".join(b"%04d" % number for number in range(1, 21))
    assert all_of(ReadAhead(inner), size) == expected
    assert inner.is_closed.wait(LIMIT_SECONDS)


def test_no_more_is_read_ahead_than_was_agreed() -> None:
    inner = Pieces(1000)
    stream = ReadAhead(inner)
    for number in range(1, 100):
        assert stream.read(4) == b"%04d" % number
        assert inner.given <= number + AHEAD_PIECES + 1
    stream.close()
    assert inner.is_closed.wait(LIMIT_SECONDS)
    assert inner.given <= 99 + AHEAD_PIECES + 1


def test_error_comes_after_what_was_read_before_it() -> None:
    inner = Pieces(2, ConnectionResetError("gone"))
    stream = ReadAhead(inner)
    assert (stream.read(9), stream.read(9)) == (b"0001", b"0002")
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            stream.read(9)
    assert inner.is_closed.wait(LIMIT_SECONDS)


def test_closing_stops_a_read_that_waits() -> None:
    inner = Pieces(9)
    inner.may_go_on.clear()
    stream = ReadAhead(inner)
    stream.close()
    assert inner.is_stopped
    inner.may_go_on.set()
    assert inner.is_closed.wait(LIMIT_SECONDS)


def test_whoever_waits_is_told_whether_to_read() -> None:
    inner = Pieces(1)
    inner.may_go_on.clear()
    stream = ReadAhead(inner)
    assert not stream.is_ready(0.01)
    inner.may_go_on.set()
    assert stream.is_ready(LIMIT_SECONDS)
    assert stream.read(1) == b"0" and stream.is_ready(0)
    assert stream.read(9) == b"001"
    assert stream.is_ready(LIMIT_SECONDS)  # its end has come
    assert stream.read(9) == b""
