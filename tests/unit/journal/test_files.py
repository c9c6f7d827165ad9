"""The system's disk, by what it is asked to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openpit.journal.files import DISK, write_all

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_made_written_cut_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    DISK.make_folder(folder)
    DISK.make_folder(folder)
    file = DISK.create(folder / "one")
    assert file.fileno() >= 0

    write_all(file, b"0123456789")
    file.sync()
    assert DISK.read(folder / "one") == b"0123456789"
    file.truncate(7)
    write_all(file, b"x")  # at the end, wherever that is by now
    file.close()
    file.close()
    assert file.fileno() == -1

    assert DISK.read(folder / "one") == b"0123456x"
    DISK.cut(folder / "one", 3)
    assert DISK.read(folder / "one") == b"012"
    assert DISK.names(folder) == ["one"]
    DISK.remove(folder / "one")
    DISK.sync_folder(folder)
    assert DISK.names(folder) == []
    assert DISK.free(folder) > 0


def test_a_folder_that_is_not_there_has_no_names(tmp_path: Path) -> None:
    assert DISK.names(tmp_path / "none") == []


def test_a_file_is_made_once(tmp_path: Path) -> None:
    for _ in range(2):  # one that is empty is not there yet
        file = DISK.create(tmp_path / "one")
        file.close()
    file = DISK.create(tmp_path / "one")
    file.write(b"1")
    file.close()

    with pytest.raises(FileExistsError):
        DISK.create(tmp_path / "one")
    assert DISK.read(tmp_path / "one") == b"1"
