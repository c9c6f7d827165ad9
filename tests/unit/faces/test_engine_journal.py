"""The router's part of a journal: its lock, its log, its time."""

from __future__ import annotations

import json
import shutil
from time import monotonic_ns
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from openpit.errors import JournalDamaged, JournalFailed, JournalInUse, JournalMismatch
from openpit.faces import engine_journal
from openpit.faces.engine_journal import EngineJournal
from openpit.faces.options import ShardedOptions
from openpit.faces.past import made_as
from openpit.journal.files import DISK, SystemDisk
from openpit.journal.layout import ROUTER, log_folder, shard_log
from openpit.journal.reading import LogReader
from openpit.journal.segments import segments_of
from openpit.journal.writing import LogWriter
from openpit.router.lifecycle import ShardState
from openpit.shards.fingerprints import Made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MADE = Made(2, [["Desk", {"most": "5"}]], 77)


def opened(
    directory: Path, clock: Callable[[], int] = lambda: 1_000, made: Made = MADE
) -> EngineJournal:
    return EngineJournal(ShardedOptions(shards=2, journal=directory), made, clock)


def test_each_life_has_an_epoch_of_its_own_and_the_first_start_stays(tmp_path: Path) -> None:
    for epoch in range(3):
        journal = opened(
            tmp_path, lambda epoch=epoch: 1_000 + epoch, MADE._replace(began=77 + epoch)
        )
        journal.close()

        assert journal.epoch == epoch
        assert (journal.place.started, journal.place.began) == (1_000, 77)
        assert journal.place.directory == str(tmp_path)


def test_one_that_could_not_be_opened_leaves_no_lock(tmp_path: Path) -> None:
    opened(tmp_path).close()

    for _ in range(2):
        with pytest.raises(JournalMismatch, match="most is 6, and was 5"):
            opened(tmp_path, made=Made(2, [["Desk", {"most": "6"}]], 0))
    journal = opened(tmp_path)
    with pytest.raises(JournalInUse):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_another_version_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tmp_path).close()
    monkeypatch.setattr(engine_journal, "VERSION", 99)

    with pytest.raises(JournalMismatch) as refused:
        opened(tmp_path)

    assert refused.value.differences == (f"wire is 99, and was {3}",)


def test_changes_stay_until_all_shards_have_them(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(2):
        shard_lived(tmp_path, number, [0])
    journal.note([(0, 5, b"old")])
    journal.settle()
    journal.note([(0, 6, b"a"), (1, 9, b"b")])
    journal.note([(1, 10, b"c")])
    journal.close()

    journal = opened(tmp_path)
    first, second = journal.changes
    assert (first.commands, first.numbers) == ({0: b"a", 1: b"b"}, {0: [6], 1: [9]})
    assert (second.commands, second.numbers) == ({1: b"c"}, {1: [10]})
    journal.again(first)
    journal.note([(1, 700, b"b")])
    journal.close()

    journal = opened(tmp_path)
    first, second = journal.changes
    assert first.numbers == {0: [6], 1: [9, 700]}
    for number in range(2):
        shard_lived(tmp_path, number, [0, 2])
    journal.settle()
    journal.close()
    journal = opened(tmp_path)
    assert journal.changes == []
    journal.close()


# --- time -----------------------------------------------------------------------------------------


def test_a_programs_own_clock_is_left_alone(tmp_path: Path) -> None:
    def clock() -> int:
        return 500

    journal = opened(tmp_path, clock)

    assert journal.clock_from(10**18) is clock
    journal.close()


def test_monotonic_time_of_one_run_of_the_machine_goes_on(tmp_path: Path) -> None:
    for _ in range(2):
        journal = opened(tmp_path, monotonic_ns)
        assert journal.clock_from(monotonic_ns() - 5) is monotonic_ns
        journal.close()


def test_time_goes_on_from_the_last_moment_and_by_the_wall_after_another_start_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = 1_000_000_000
    wall = {"now": 50_000 * second}
    monkeypatch.setattr(engine_journal, "time_ns", lambda: wall["now"])
    monkeypatch.setattr(engine_journal, "boot_name", lambda: "first")
    before = monotonic_ns()
    opened(tmp_path, monotonic_ns).close()

    # The machine was started anew an hour later; its clock begins with 0 (here: goes on).
    monkeypatch.setattr(engine_journal, "boot_name", lambda: "second")
    wall["now"] += 3_600 * second
    journal = opened(tmp_path, monotonic_ns)
    clock = journal.clock_from(0)
    journal.close()
    assert 3_600 * second <= clock() - before < 3_600 * second + 100 * second

    # And never back, whatever the wall says: the last command had a later time.
    monkeypatch.setattr(engine_journal, "boot_name", lambda: "third")
    wall["now"] -= 7_200 * second
    last = clock() + 500 * second
    journal = opened(tmp_path, monotonic_ns)
    clock = journal.clock_from(last)
    journal.close()
    assert last <= clock() < last + 100 * second


# --- what is not needed any more is removed -------------------------------------------------------


def begins(directory: Path, log: str = ROUTER) -> int:
    return segments_of(DISK, log_folder(directory, log))[0].first


def shard_lived(directory: Path, number: int, epochs: Iterable[int]) -> None:
    """Have a shard's log begin a segment in each of these starts, and in no other."""
    folder = log_folder(directory, shard_log(number))
    for segment in segments_of(DISK, folder):
        DISK.remove(segment.path)
    for first, epoch in enumerate(epochs, 1):
        LogWriter(DISK, folder, shard_log(number), first, {"epoch": epoch}).close()


def lived(directory: Path, *, keep: int | None = 2, shard_epochs: tuple[int, ...] = ()) -> int:
    """Start an engine once, whose shards' logs go back to these epochs; return its own."""
    options = ShardedOptions(shards=2, journal=directory, keep=keep)
    journal = EngineJournal(options, MADE, lambda: 1_000)
    for number, epoch in enumerate(shard_epochs or (journal.epoch, journal.epoch)):
        shard_lived(directory, number, (epoch, journal.epoch))
    journal.note([(0, 5, b"first"), (1, 6, b"second")])
    journal.settle()
    if not journal.epoch:
        journal.note_session(3, "desk", 1000)
        journal.note_prepared()
    journal.close()
    return journal.epoch


def test_the_log_is_cut_behind_what_starts_and_shards_go_back_to(tmp_path: Path) -> None:
    for epoch in range(5):
        assert lived(tmp_path, shard_epochs=(0, 0)) == epoch
        assert begins(tmp_path) == 1  # the shards' logs go back to the first start
    assert lived(tmp_path, shard_epochs=(3, 2)) == 5
    first = begins(tmp_path)
    assert first > 1
    reader = LogReader(DISK, log_folder(tmp_path, ROUTER))
    lives = [json.loads(one.batch)["life"]["epoch"] for one in reader if b'"life"' in one.batch]
    assert lives == [2, 3, 4, 5]
    assert lived(tmp_path, shard_epochs=(6, 6)) == 6
    assert lived(tmp_path, keep=None, shard_epochs=(7, 7)) == 7
    reader = LogReader(DISK, log_folder(tmp_path, ROUTER))
    lives = [json.loads(one.batch)["life"]["epoch"] for one in reader if b'"life"' in one.batch]
    assert lives == [5, 6, 7]  # two at least, and all with keep=None

    journal = opened(tmp_path)
    assert (journal.epoch, journal.is_prepared, journal.names) == (8, True, {3: ("desk", 1000)})
    assert (journal.place.started, journal.place.began) == (1_000, 77)
    assert journal.changes == []
    journal.close()


def test_a_crash_while_it_is_cut_leaves_one_that_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        lived(tmp_path, keep=None)
    for number in range(2):
        shard_lived(tmp_path, number, [5])
    remove = SystemDisk.remove
    steps = 0
    while True:
        steps += 1
        directory = tmp_path.with_name(f"{tmp_path.name}-{steps}")
        shutil.copytree(tmp_path, directory)
        left = [steps]

        def dying(disk: SystemDisk, path: Path, left: list[int] = left) -> None:
            left[0] -= path.parent.name == ROUTER
            if not left[0]:
                raise KeyboardInterrupt
            remove(disk, path)

        monkeypatch.setattr(SystemDisk, "remove", dying)
        died = False
        try:
            journal = EngineJournal(
                ShardedOptions(shards=2, journal=directory), MADE, lambda: 1_000
            )
            for number in range(2):
                shard_lived(directory, number, [5, journal.epoch])
            journal.settle()
        except KeyboardInterrupt:
            died = True
        journal.close()
        monkeypatch.setattr(SystemDisk, "remove", remove)
        again = opened(directory)
        assert (again.epoch, again.is_prepared, again.names) == (7, True, {3: ("desk", 1000)})
        assert (again.place.started, again.place.began, again.changes) == (1_000, 77, [])
        again.close()
        if not died:
            break
    assert steps > 4


def test_a_log_that_lacks_its_beginning_is_not_believed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    opened(tmp_path).close()
    (first, *_) = segments_of(DISK, log_folder(tmp_path, ROUTER))
    DISK.remove(first.path)
    with pytest.raises(JournalDamaged, match="nothing sums them up"):
        opened(tmp_path)


# --- and so while the engine runs -----------------------------------------------------------------


class Running:
    """An engine that runs for long: its journal, and the shards that answer its changes."""

    def __init__(self, directory: Path, keep: int | None = 2) -> None:
        self.directory = directory
        options = ShardedOptions(shards=2, journal=directory, keep=keep)
        self.journal = EngineJournal(options, MADE, lambda: 1_000)
        first = self.journal.epoch << 48
        self.links = [
            SimpleNamespace(number=number, state=ShardState.UP, answered=first, is_up=True)
            for number in range(2)
        ]
        self.journal.settle()
        self.snapshots()
        links: Any = self.links
        self.journal.run(links)

    def snapshots(self) -> None:
        """Have the logs of the shards begin here."""
        for number in range(2):
            folder = log_folder(self.directory, shard_log(number))
            for segment in segments_of(DISK, folder):
                DISK.remove(segment.path)
            fields = {"epoch": self.journal.epoch}
            LogWriter(DISK, folder, shard_log(number), 1, fields).close()

    def change(self, *, are_answered: bool = True) -> None:
        """Note a change of some 300 bytes, and have it answered."""
        rows = [(link.number, link.answered + 1, bytes(100)) for link in self.links]
        self.journal.note(rows)
        for link in self.links if are_answered else ():
            link.answered += 2

    def size(self) -> int:
        folder = log_folder(self.directory, ROUTER)
        return sum(one.path.stat().st_size for one in segments_of(DISK, folder))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is noted is summed up after some ten changes."""
    monkeypatch.setattr(engine_journal, "SUM_BYTES", 4096)


@pytest.mark.usefixtures("small")
def test_a_log_is_cut_while_its_engine_runs_and_a_start_finds_what_it_needs(tmp_path: Path) -> None:
    opened(tmp_path).close()
    engine = Running(tmp_path)
    engine.journal.note_session(5, "gone", 1000)
    engine.journal.note_session(7, "desk", 1000)
    engine.journal.forget_session(5)
    engine.journal.note_prepared()
    sizes = []
    for _ in range(400):
        engine.change()
        engine.snapshots()
        sizes.append(engine.size())
    assert max(sizes) < 8 * 4096 < 400 * 300  # and without it, more than that by far
    assert begins(tmp_path) > 300
    engine.change(are_answered=False)
    last = engine.links[0].answered + 1
    engine.journal.close()
    assert made_as(tmp_path)["shards"] == 2  # who reads the past knows its lives, too

    again = opened(tmp_path)
    assert (again.epoch, again.is_prepared, again.names) == (2, True, {7: ("desk", 1000)})
    assert (again.place.started, again.place.began) == (1_000, 77)
    assert again.changes[-1].numbers == {0: [last], 1: [last]}
    assert len(again.changes) < 60  # those of the last two stretches: shards say what they have
    again.close()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("state", [ShardState.DOWN, ShardState.RECOVERING, ShardState.STALLED])
def test_nothing_is_summed_up_that_a_shard_may_lack(tmp_path: Path, state: ShardState) -> None:
    engine = Running(tmp_path)
    engine.links[1].state = state
    for _ in range(100):
        engine.change()
        engine.snapshots()
    assert begins(tmp_path) == 1
    engine.links[1].state = ShardState.UP
    for _ in range(30):
        engine.change(are_answered=False)
        engine.snapshots()
    assert begins(tmp_path) == 1  # the last change has no answer yet, each time
    for link in engine.links:
        link.answered += 2
    for _ in range(100):
        engine.change()
        engine.snapshots()
    assert begins(tmp_path) > 1
    engine.journal.close()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("keep", [2, None])
def test_what_is_as_old_as_a_shards_log_stays(tmp_path: Path, keep: int | None) -> None:
    engine = Running(tmp_path, keep)
    for _ in range(100):
        engine.change()
        if keep is None:
            engine.snapshots()
    engine.journal.close()
    assert begins(tmp_path) == 1
    assert opened(tmp_path).epoch == 1


@pytest.mark.usefixtures("small")
def test_a_crash_at_any_step_of_it_leaves_one_that_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step on the disk: a segment's making, its syncs, each removal."""
    source = tmp_path / "source"
    engine = Running(source)
    engine.journal.note_session(3, "desk", 1000)
    while begins(source) == 1:
        engine.change()
        engine.snapshots()
    engine.journal.close()
    ways = {name: getattr(SystemDisk, name) for name in ("create", "remove", "sync_folder")}
    steps = 0
    while True:
        steps += 1
        directory = tmp_path / str(steps)
        shutil.copytree(source, directory)
        engine = Running(directory)
        noted = 0
        left = [steps]
        for name, way in ways.items():

            def dying(*args: Any, left: list[int] = left, way: Any = way) -> Any:
                left[0] -= ROUTER in str(args[1])
                if not left[0]:
                    raise KeyboardInterrupt
                return way(*args)

            monkeypatch.setattr(SystemDisk, name, dying)
        died = False
        try:
            while noted < 60:
                engine.change()
                noted += 1
                engine.snapshots()
        except KeyboardInterrupt:
            died = True
        for name, way in ways.items():
            monkeypatch.setattr(SystemDisk, name, way)
        answered = engine.links[0].answered
        engine.journal._lock.release()

        again = opened(directory)
        assert (again.epoch, again.names) == (2, {3: ("desk", 1000)})
        assert (again.place.started, again.place.began) == (1_000, 77)
        numbers = [number for one in again.changes for number in one.numbers[0]]
        assert numbers == sorted(numbers)
        assert not numbers or numbers[-1] == answered - 1  # no change before it is lacking
        again.close()
        if not died:
            break
    assert steps > 6


@pytest.mark.usefixtures("small")
def test_a_segment_that_cannot_be_made_refuses_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Running(tmp_path)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SystemDisk, "create", full)
    while engine.journal._writer.written < 4096:
        engine.change()
    with pytest.raises(JournalFailed, match="a segment could not be made"):
        engine.change()
    monkeypatch.undo()
    engine.journal.close()
    assert opened(tmp_path).changes
