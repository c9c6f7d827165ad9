"""The router's part of a journal: its lock, its log, its time."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

import pytest

from openpit.errors import JournalInUse, JournalMismatch
from openpit.faces import engine_journal
from openpit.faces.engine_journal import EngineJournal
from openpit.faces.options import ShardedOptions
from openpit.shards.fingerprints import Made

if TYPE_CHECKING:
    from collections.abc import Callable
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

    assert refused.value.differences == (f"wire is 99, and was {2}",)


def test_changes_stay_until_all_shards_have_them(tmp_path: Path) -> None:
    journal = opened(tmp_path)
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
    monkeypatch.setattr(engine_journal, "_boot", lambda: "first")
    before = monotonic_ns()
    opened(tmp_path, monotonic_ns).close()

    # The machine was started anew an hour later; its clock begins with 0 (here: goes on).
    monkeypatch.setattr(engine_journal, "_boot", lambda: "second")
    wall["now"] += 3_600 * second
    journal = opened(tmp_path, monotonic_ns)
    clock = journal.clock_from(0)
    journal.close()
    assert 3_600 * second <= clock() - before < 3_600 * second + 100 * second

    # And never back, whatever the wall says: the last command had a later time.
    monkeypatch.setattr(engine_journal, "_boot", lambda: "third")
    wall["now"] -= 7_200 * second
    last = clock() + 500 * second
    journal = opened(tmp_path, monotonic_ns)
    clock = journal.clock_from(last)
    journal.close()
    assert last <= clock() < last + 100 * second
