"""A journal that becomes another engine's: all of it or nothing, wherever the power goes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from memory_disk import MemoryDisk, MemoryFile, PowerLost

from openpit.errors import JournalDamaged
from openpit.journal.layout import ROUTER, log_folder, shard_log
from openpit.journal.migration import NAME, Migration, commit, finish, is_under_way, put_aside
from openpit.journal.reading import LogReader
from openpit.journal.snapshots import read_snapshot, snapshots_of, write_snapshot
from openpit.journal.writing import LogWriter

if TYPE_CHECKING:
    from openpit.journal.files import Disk

DESK = Path("/journal")
OLD, NEW = {"of": "the old engine"}, {"of": "the new engine"}
FOLDERS = [log_folder(DESK, shard_log(number)) for number in range(2)]
MIGRATION = Migration({"made": "new"}, {"migrated": 1}, 2)


class Folders(MemoryDisk):
    """One that lists folders, too, and gives a file another name at once or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: list[tuple[Path, Path, MemoryFile]] = []

    def names(self, folder: Path) -> list[str]:
        below = (path for path in self.files if folder in path.parents)
        return sorted({path.relative_to(folder).parts[0] for path in below})

    def rename(self, path: Path, to: Path) -> None:
        file = self.files[path]
        super().rename(path, to)
        self.renamed.append((path, to, file))

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.renamed = [one for one in self.renamed if one[1].parent != folder]

    def without_power(self, random: Random) -> Folders:
        lost = self.after_power_loss(random)
        disk = Folders()
        disk.files, disk.kept = lost.files, lost.kept
        for path, to, file in self.renamed:
            if to not in disk.files or disk.files[to].data != file.data:
                again = MemoryFile(disk)
                again.data, again.synced = bytearray(file.synced), file.synced
                disk.files[path] = disk.kept[path] = again
        for file in disk.files.values():
            file.disk = disk
        return disk


def old_journal() -> Folders:
    disk = Folders()
    folder = log_folder(DESK, ROUTER)
    router = LogWriter(disk, folder, ROUTER, 1, {"made": "old"}, sync="power")
    router.append([(b"{}", 0)])
    router.close()
    for folder in FOLDERS:
        write_snapshot(disk, folder, 7, OLD, b"old")
    return disk


def carry_over(disk: Disk) -> None:
    finish(disk, DESK)
    for folder in FOLDERS:
        put_aside(disk, folder, 7, NEW, b"new")
    commit(disk, DESK, MIGRATION)
    finish(disk, DESK)


def whose(disk: Disk) -> str:
    """Return whose a journal is, and check that it is nobody else's in part."""
    states = set()
    for folder in FOLDERS:
        (file,) = snapshots_of(disk, folder)
        assert disk.names(folder) == [file.path.name]
        states.add(read_snapshot(disk, file).state.decode())
    reader = LogReader(disk, log_folder(DESK, ROUTER))
    said = [json.loads(record.batch) for record in reader]
    reader.cut()
    (state,) = states
    assert said == ([{}, {"migrated": 1}] if state == "new" else [{}])
    assert reader.headers[len(said) - 1]["made"] == state
    assert not is_under_way(disk, DESK)
    return state


def test_it_is_carried_over_and_once_is_enough() -> None:
    disk = old_journal()
    assert whose(disk) == "old"
    carry_over(disk)
    assert whose(disk) == "new"
    finish(disk, DESK)
    assert whose(disk) == "new"


def test_what_was_not_committed_is_removed() -> None:
    disk = old_journal()
    put_aside(disk, FOLDERS[0], 7, NEW, b"new")
    disk.create(DESK / f"{NAME}.unfinished")
    finish(disk, DESK)
    assert whose(disk) == "old"
    assert disk.names(DESK) == [ROUTER, *(folder.name for folder in FOLDERS)]


@pytest.mark.parametrize("seed", range(5))
def test_the_power_may_go_at_any_step(seed: int) -> None:
    random = Random(seed)
    found: list[str] = []
    is_whole = False
    while not is_whole:
        disk = old_journal()
        disk.steps_left = len(found)
        with suppress(PowerLost):
            carry_over(disk)
            is_whole = True
        left = disk.without_power(random)
        left.steps_left = random.randrange(12)
        with suppress(PowerLost):  # and once more, while that is put right
            finish(left, DESK)
        left = left.without_power(random)
        finish(left, DESK)
        found.append(whose(left))
    assert found == sorted(found, reverse=True)
    assert {*found} == {"old", "new"}


def test_a_damaged_file_is_not_believed() -> None:
    disk = old_journal()
    for folder in FOLDERS:
        put_aside(disk, folder, 7, NEW, b"new")
    commit(disk, DESK, MIGRATION)
    disk.files[DESK / NAME].data[12] ^= 1
    with pytest.raises(JournalDamaged, match="its checksum is another"):
        finish(disk, DESK)
