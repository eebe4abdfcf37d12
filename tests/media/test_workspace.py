"""Folders for transcodes: no space is granted twice, and nothing is left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from workers.media.workspace import DiskBusy, DiskFull, DiskTooSmall, SpaceNeed, sweep, workspace

ALLOWED = 100
PETABYTE = 10**15


def test_sweep_removes_only_orphaned_folders(tmp_path: Path) -> None:
    with workspace(tmp_path, SpaceNeed(1, 1), ALLOWED) as mine:
        orphan, unbegun = tmp_path / "orphan", tmp_path / "unbegun"
        for folder in (orphan, unbegun):
            folder.mkdir()
        (orphan / "lock").write_text("90")
        (orphan / "source").write_bytes(b"left behind")
        assert sweep(tmp_path) == 2
        assert mine.path.exists() and not orphan.exists() and not unbegun.exists()
    assert list(tmp_path.iterdir()) == []


def test_space_of_an_orphan_is_granted_again(tmp_path: Path) -> None:
    orphan = tmp_path / "orphan"
    orphan.mkdir()
    (orphan / "lock").write_text(str(ALLOWED))
    with workspace(tmp_path, SpaceNeed(50, 200), ALLOWED) as mine:
        assert mine.granted_bytes == ALLOWED


def test_space_is_granted_as_far_as_it_lasts(tmp_path: Path) -> None:
    with workspace(tmp_path, SpaceNeed(10, 60), ALLOWED) as first:
        with workspace(tmp_path, SpaceNeed(10, 60), ALLOWED) as second:
            assert (first.granted_bytes, second.granted_bytes) == (60, 40)
            with pytest.raises(DiskBusy), workspace(tmp_path, SpaceNeed(10, 60), ALLOWED):
                pass
        with workspace(tmp_path, SpaceNeed(10, 20), ALLOWED) as third:
            assert third.granted_bytes == 20


def test_space_that_can_never_be_free_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(DiskTooSmall), workspace(tmp_path, SpaceNeed(ALLOWED + 1, 200), ALLOWED):
        pass
    with workspace(tmp_path, SpaceNeed(1, 1), 2 * PETABYTE):
        with pytest.raises(DiskFull), workspace(
            tmp_path, SpaceNeed(PETABYTE, PETABYTE), 2 * PETABYTE
        ):
            pass


def test_concurrent_transcodes_are_not_granted_the_same_space(tmp_path: Path) -> None:
    """Before either has written a byte, both would find the same free space."""
    begun, refused = [], []
    together, tried, over = threading.Barrier(8), threading.Semaphore(0), threading.Event()

    def begin() -> None:
        together.wait()
        try:
            with workspace(tmp_path, SpaceNeed(40, 40), ALLOWED) as mine:
                begun.append(mine.path)
                tried.release()
                over.wait()
        except DiskBusy as busy:
            refused.append(busy)
            tried.release()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert tried.acquire(timeout=60)
    over.set()
    for thread in threads:
        thread.join()
    assert (len(begun), len(refused)) == (2, 6)
    assert list(tmp_path.iterdir()) == []
