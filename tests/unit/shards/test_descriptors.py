"""What a number leads to: our pipe, or whatever a program has put in its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from openpit.shards.descriptors import close_own, identity_of, is_still, mark_of
from openpit.shards.spawning import widen

if TYPE_CHECKING:
    from pathlib import Path


def test_a_pipe_is_told_from_what_takes_its_number(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    widen(writing, 8192)  # two pages, which every system grants
    mark = mark_of(writing)
    assert (is_still(writing, mark), mark_of(reading)) == (True, mark)

    others = os.pipe()  # of the usual size
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    for stranger in (*others, file):
        os.dup2(stranger, writing)
        assert not is_still(writing, mark)
    os.close(writing)
    assert not is_still(writing, mark)
    assert not is_still(-1, mark)
    for fd in (reading, *others, file):
        os.close(fd)


def test_what_is_another_s_by_now_is_not_closed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    identity = identity_of(writing)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.dup2(file, writing)

    close_own(writing, identity)
    assert os.fstat(writing).st_ino == os.fstat(file).st_ino  # open still

    close_own(writing, identity_of(file))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)
    close_own(writing, identity)  # closed already
    for fd in (reading, file):
        os.close(fd)
