"""A log that begins with a snapshot: of any of its records, and only one that is whole."""

from __future__ import annotations

import os
import shutil
import signal
import time
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from batched import batch, replies_in
from custom_policies import Remembering
from makers import SECOND, deposit
from processes import wait_until

import openpit
from openpit.engine.builder import build_core
from openpit.errors import JournalDamaged, JournalError
from openpit.journal.files import DISK, SystemDisk
from openpit.journal.snapshots import snapshots_of
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards import shard_state, snapshots
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.shards.shard_journal import JournalPlace, ShardJournal
from openpit.shards.shard_state import export_shard
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import EPOCH_COMMANDS
from openpit.wire.own_numbers import own_row
from openpit.wire.values import encode

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.wire.recovered import Recovered

FIRST = EPOCH_COMMANDS + 1


def shard(*customs: Any) -> ShardCore:
    stage = (
        openpit.Engine.builder()
        .clock(lambda: SECOND)
        .full_sync()
        .builtin(
            build_rate_limit().broker_barrier(
                RateLimitBrokerBarrier(RateLimit(900, timedelta(hours=1)))
            )
        )
        .builtin(build_spot_funds())
    )
    for policy in customs:
        stage.pre_trade(policy)
    clock = ShardClock(SECOND)
    return ShardCore(0, build_core(stage._policies, clock, RLock()), clock)


class Life:
    """A worker's life on a log, without the worker: what comes is answered, noted and written."""

    def __init__(
        self,
        directory: Path,
        epoch: int = 0,
        first: int | None = None,
        customs: Any = (),
        every: int = 1,
        keep: int | None = 2,
    ) -> None:
        self._epoch = epoch
        self.core = shard(*customs)
        self.sent = self.snapshot_after = 0
        place = JournalPlace(
            str(directory), "process", 0, {"of": "a test"}, SECOND, SECOND, every, keep
        )
        self.journal = ShardJournal(place, 0)
        begin = epoch * EPOCH_COMMANDS + 1 if first is None else first
        try:
            self.recovered: Recovered = self.journal.recover(self.core, epoch, begin)
        except BaseException:
            self.journal.lock.release()
            raise

    def send(self, *commands: tuple[Any, ...], **head: Any) -> bytes:
        frame = self.frame = batch(0, self.core._next, *commands, epoch=self._epoch, **head)
        reply = self.core.answer((frame,))
        self.journal.note(self.core, frame, reply)
        self.journal.append([frame], [reply])
        self.sent += 1
        if self.sent == self.snapshot_after:
            self.snapshot()
        return reply

    def trade(self, count: int) -> None:
        """Pay account 2, and place orders of it that count for the broker."""
        self.send((kinds.ADJUST, 2, encode([deposit("USD", "1000")])), time=2 * SECOND)
        for number in range(1, count):
            order = (kinds.EXECUTE_COUNTED, 2, "AAPL", "USD", "BUY", "1", None, "7.5", 1, 0)
            axes = ((BROKER, SECOND, number - 1),)
            self.send(order, time=(2 + number) * SECOND, axes=axes)

    @property
    def state(self) -> Any:
        return msgpack.packb(export_shard(self.core))

    def snapshot(self) -> None:
        self.journal.end(self.core)

    def end(self) -> None:
        self.journal.close()
        self.journal.lock.release()


def folder_of(directory: Path) -> Path:
    return directory / "shard-0000"


def test_after_any_record_a_snapshot_and_the_rest_are_the_same_as_all_of_it(
    tmp_path: Path,
) -> None:
    whole = Life(tmp_path / "whole", every=0)
    whole.trade(9)
    expected = whole.state
    whole.end()
    told = Life(tmp_path / "whole", 1, every=0)
    assert told.recovered.batches == 9
    told.end()

    for place in range(1, 10):
        directory = tmp_path / str(place)
        life = Life(directory)
        life.snapshot_after = place
        life.trade(9)
        assert life.state == expected
        life.end()

        again = Life(directory, 1)

        assert again.state == expected
        assert again.recovered.batches == 9 - place
        assert again.recovered == told.recovered._replace(batches=9 - place)
        again.end()


def talk(life: Life, count: int) -> None:
    """Have two sessions and the router's own client trade; each acknowledges late."""
    own = dict.fromkeys((5, 6), 0)
    for number in range(count):
        pay = (kinds.ADJUST, 2, encode([deposit("USD", str(number))]))
        for session, begins in ((5, 100), (6, 700)):
            row = own_row(begins, own[session], session - 3 + number % 2)
            life.send(pay, *[pay] * (number % 3), client=session, axes=(row,))
            own[session] += 1 + number % 3
        life.send(pay, settings=14)  # by the numbers of all


def missed_by_all(life: Life) -> list[Any]:
    """Return what each client is told that it has missed, in a life of its own after those."""
    found = []
    for session in (0, 5, 6):
        head = {"client": session, "axes": (own_row(5000, 0, 0),)} if session else {}
        reply = life.send((kinds.ASK_MISSED, None, 0, 1_000_000), **head)
        [(kind, forgotten, is_all, rows)] = replies_in(life.frame, reply)[1]
        assert (kind, forgotten, is_all) == (kinds.MISSED, 0, True)
        assert len(rows) >= 2, session
        found.append(rows)
    return found


def test_after_any_record_a_snapshot_and_the_rest_have_the_same_missed_answers(
    tmp_path: Path,
) -> None:
    count = 3 * 5
    whole = Life(tmp_path / "whole", every=0)
    talk(whole, 5)
    whole.end()
    told = Life(tmp_path / "whole", 1, every=0)
    expected = missed_by_all(told)
    told.end()

    for place in range(1, 1 + count):
        directory = tmp_path / str(place)
        life = Life(directory)
        life.snapshot_after = place
        talk(life, 5)
        life.end()

        again = Life(directory, 1)

        assert again.recovered.batches == count - place
        assert missed_by_all(again) == expected
        again.end()


def small_log(directory: Path, keep: int | None = 2) -> Any:
    """Write a log of 12 records with snapshots after the 4th and the 8th; return the state."""
    for epoch in range(3):
        life = Life(directory, epoch, keep=keep)
        life.trade(4)
        if epoch < 2:
            life.snapshot()
        life.end()
    assert [one.number for one in snapshots_of(DISK, folder_of(directory))] == [4, 8]
    return life.state


def test_a_snapshot_that_is_damaged_gives_way_to_the_one_before_and_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = small_log(tmp_path / "log")
    newest = snapshots_of(DISK, folder_of(tmp_path / "log"))[-1].path
    size = newest.stat().st_size
    for number, place in enumerate([*range(0, size, 29), size]):
        directory = tmp_path / str(number)
        shutil.copytree(tmp_path / "log", directory)
        path = folder_of(directory) / newest.name
        data = bytearray(path.read_bytes())
        if place < size:
            data[place] ^= 0x10
        else:
            del data[-1]
        path.write_bytes(data)

        life = Life(directory, 3)

        assert life.state == expected
        assert life.recovered.batches == 8
        assert f"shard 0: a snapshot is not used: {path} at " in caplog.text
        assert not path.exists()
        life.end()


def test_without_any_whole_snapshot_a_log_that_was_cut_is_refused_by_its_place(
    tmp_path: Path,
) -> None:
    small_log(tmp_path)
    life = Life(tmp_path, 3)  # and cuts what is behind the snapshot of the 8th
    life.trade(2)
    life.snapshot()
    life.end()
    files = snapshots_of(DISK, folder_of(tmp_path))
    assert [one.number for one in files] == [8, 14]
    for file in files:
        DISK.cut(file.path, 40)

    for _ in range(2):
        with pytest.raises(
            JournalDamaged, match="record 1 and what follows is not there, nor in a snapshot"
        ) as refused:
            Life(tmp_path, 4)
        assert refused.value.path.endswith("00000000000000000009.log")
    assert [one.number for one in snapshots_of(DISK, folder_of(tmp_path))] == [8, 14]


def test_answers_that_are_wanted_are_replayed_and_no_snapshot_that_has_them_is_used(
    tmp_path: Path,
) -> None:
    small_log(tmp_path)
    life = Life(tmp_path, 3)
    replies = [life.send((kinds.ADJUST, 2, encode([deposit("USD", "1")]))) for _ in range(3)]
    life.snapshot()
    life.end()

    again = Life(tmp_path, 3, 3 * EPOCH_COMMANDS + 2)

    assert again.recovered.batches == 7  # from the one after the 8th on
    assert again.journal.wanted == replies[1:]
    assert again.state == life.state
    again.end()
    last = Life(tmp_path, 3, 3 * EPOCH_COMMANDS + 4)
    assert (last.recovered.batches, last.journal.wanted) == (0, [])
    last.end()


def test_a_state_of_another_layout_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "LAYOUT", shard_state.LAYOUT + 1)
        expected = small_log(tmp_path, keep=None)

    life = Life(tmp_path, 3)

    assert (life.recovered.batches, life.state) == (12, expected)
    now = shard_state.LAYOUT
    said = f"its state is of layout {now + 1}, where this version reads {now}"
    assert said in caplog.text
    life.end()


def test_the_last_snapshot_of_a_life_is_taken_where_something_was_written(tmp_path: Path) -> None:
    small_log(tmp_path)
    life = Life(tmp_path, 3)
    life.snapshot()
    life.snapshot()
    assert [one.number for one in snapshots_of(DISK, folder_of(tmp_path))] == [8, 12]
    life.end()

    life = Life(tmp_path, 4, every=0)
    life.trade(2)
    life.snapshot()
    life.end()
    assert [one.number for one in snapshots_of(DISK, folder_of(tmp_path))] == [8, 12]


@pytest.mark.parametrize("keep", [3, None])
def test_as_many_stay_as_are_asked_for(tmp_path: Path, keep: int | None) -> None:
    for epoch in range(5):
        life = Life(tmp_path, epoch, keep=keep)
        life.trade(2)
        life.snapshot()
        life.end()
    found = [one.number for one in snapshots_of(DISK, folder_of(tmp_path))]
    logs = sorted(int(path.stem) for path in folder_of(tmp_path).glob("*.log"))
    assert (found, logs[0]) == ([6, 8, 10], 7) if keep else ([8, 10], 1)


# --- custom policies ------------------------------------------------------------------------------


def test_a_policy_that_does_not_take_its_state_ends_the_start_by_its_name(tmp_path: Path) -> None:
    life = Life(tmp_path, customs=[Remembering()])
    life.trade(2)
    life.snapshot()
    life.end()
    refusing = Remembering()
    refusing.restore_state = lambda state: state.no_such_thing  # type: ignore[method-assign]

    with pytest.raises(JournalError, match=r"\.snap: restore_state\(\) of policy Remembering: "):
        Life(tmp_path, 1, customs=[refusing])

    taking = Remembering()
    life = Life(tmp_path, 1, customs=[taking])
    assert (life.recovered.batches, taking.seen) == (0, {2: ["1"]})
    life.end()


def test_a_snapshot_that_cannot_be_taken_is_told_and_nothing_else_happens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Remembering(reserves=True)
    life = Life(tmp_path, customs=[policy])
    life.trade(2)
    life.snapshot()
    assert "shard 0: no snapshot was written: a reservation is open" in caplog.text
    assert snapshots_of(DISK, folder_of(tmp_path)) == []
    life.end()


def test_a_copy_that_does_not_end_is_ended_and_the_next_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = shard()
    its = snapshots.Snapshots(tmp_path, 0, 1, 2, {})
    standing = snapshots.Standing(7, {0: snapshots.LEAST_COMMANDS}, 0, ())
    monkeypatch.setattr(snapshots, "WRITING_SECONDS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "export_shard", lambda _: time.sleep(60))
        its.look(core, 1, lambda: snapshots.LEAST_COMMANDS, lambda: standing)
    copy = its._child
    assert copy is not None
    os.waitid(os.P_PID, copy, os.WEXITED | os.WNOWAIT)  # by the alarm, or this test is

    later = standing._replace(number=9, lives={0: 2 * snapshots.LEAST_COMMANDS})
    its.look(core, 2, lambda: 2 * snapshots.LEAST_COMMANDS, lambda: later)
    assert its._child not in {None, copy}
    os.waitid(os.P_PID, its._child, os.WEXITED | os.WNOWAIT)
    assert [file.number for file in snapshots_of(DISK, tmp_path)] == [9]
    its.stop()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_nothing_is_left_of_what_a_copy_was_writing_that_was_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    core = shard()
    its = snapshots.Snapshots(tmp_path, 0, 1, 2, {})
    standing = snapshots.Standing(7, {0: snapshots.LEAST_COMMANDS}, 0, ())
    with monkeypatch.context() as patch:
        patch.setattr(SystemDisk, "rename", lambda *_: time.sleep(60))
        its.look(core, 1, lambda: snapshots.LEAST_COMMANDS, lambda: standing)
    copy = its._child
    assert copy is not None
    assert wait_until(lambda: any(tmp_path.iterdir()))

    if is_stopped:
        its.stop()
    else:
        os.kill(copy, signal.SIGKILL)
        os.waitid(os.P_PID, copy, os.WEXITED | os.WNOWAIT)
        its.look(core, 1, lambda: snapshots.LEAST_COMMANDS, lambda: standing)

    assert not any(tmp_path.iterdir())
