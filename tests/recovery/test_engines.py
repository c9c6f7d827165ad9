"""An engine that is built on its journal goes on where it ended: as one that never stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from makers import SECOND, account, deposit, order
from processes import wait_until
from recovery_policies import Counting, Moody
from trading import Day, said, with_policies

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.errors import (
    JournalDamaged,
    JournalFailed,
    JournalInUse,
    JournalMismatch,
    OutcomeUnknown,
    ReplayDiverged,
)
from openpit.journal.files import DISK
from openpit.journal.reading import LogReader
from openpit.journal.segments import Segment, header_in
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)

HERE = Path(__file__).parent


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 2), (3, 3)])
def test_a_day_with_ends_of_all_kinds_is_the_day_of_one_engine(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = Day(tmp_path / "journal", seed, shards=shards)

    for life in range(4):
        day.trade(80)
        day.compare()
        day.come_back(kills=life % 2 == 0)
        day.compare()

    day.trade(80)
    day.close()
    assert day.calls > 300
    assert day.accepted > 10
    assert day.rejected > 10


def plain(journal: Path, *policies: Any, shards: int = 2, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(shards, journal=journal, **options)
    ready = stage.builtin(build_order_validation())
    for policy in policies:
        ready = ready.pre_trade(policy)
    return ready.build()


def test_one_shard_that_died_comes_back_with_what_the_others_were_told_meanwhile(
    tmp_path: Path,
) -> None:
    stage = openpit.Engine.builder().sharded(2, journal=tmp_path, restarts=0)
    engine = with_policies(stage).build()
    here, there = (next(n for n in range(9) if engine.shard_of(account(n)) == k) for k in (0, 1))
    for number in (here, there):
        engine.apply_account_adjustment(account(number), [deposit("USD", "100")])
    pid = engine.stats()[1].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: engine.stats()[1].state == "down")

    engine.accounts().block_group(5, "not today")
    engine.halt("lunch")
    engine.close()
    again = with_policies(openpit.Engine.builder().sharded(2, journal=tmp_path)).build()

    with again:
        assert [again.execute_pre_trade(order(n)).rejects[0].details for n in (here, there)] == [
            "lunch",
            "lunch",
        ]
        again.resume()
        again.accounts().register_group([account(there)], 5)  # its shard knows of the block, too
        for number, reason in ((there, ["not today"]), (here, [])):
            result = again.execute_pre_trade(order(number, "1", "100"))
            assert [one.details for one in result.rejects] == reason
    # And that it has it is known: the next start tells it nothing.
    with with_policies(openpit.Engine.builder().sharded(2, journal=tmp_path)).build() as third:
        assert [one.sent for one in third.stats()] == [1, 1]


def test_no_rate_is_passed_by_an_engine_that_was_killed(tmp_path: Path) -> None:
    day = Day(tmp_path, 7, shards=3)
    orders = [order(number % 8 + 1, "1", None) for number in range(36)]
    for one in orders:
        day.both(lambda engine, it=one: engine.execute_pre_trade(it))

    day.come_back(kills=True)

    passed = [
        said(day.both(lambda engine, it=one: engine.execute_pre_trade(it))[1]) for one in orders
    ]
    by_rate = [any("broker barrier" in one[2] for one in rejects) for _, rejects in passed]
    assert by_rate == [False] * 4 + [True] * 32  # 40 in an hour
    day.clock.move(3601)
    day.both(lambda engine: engine.execute_pre_trade(orders[0]))
    day.close()


@pytest.mark.parametrize("is_by_snapshot", [False, True])
@pytest.mark.parametrize("axis", ["broker", "broker again", "asset"])
def test_a_rate_that_was_set_at_run_time_counts_from_then_on_in_every_life(
    tmp_path: Path, axis: str, is_by_snapshot: bool
) -> None:
    times = [1_000 * SECOND]
    two = RateLimit(2, timedelta(hours=1))
    new: dict[str, Any] = {"broker": RateLimitBrokerBarrier(two)}
    if axis == "asset":
        new = {"asset_barriers": [RateLimitAssetBarrier(two, "USD")]}

    def live() -> Any:
        of_eur = RateLimitAssetBarrier(RateLimit(9, timedelta(hours=1)), "EUR")
        options = {"snapshot_every": 2**20 if is_by_snapshot else 0}
        stage = (
            openpit.Engine.builder().clock(lambda: times[0]).sharded(2, journal=tmp_path, **options)
        )
        return stage.builtin(build_rate_limit().asset_barriers(of_eur)).build()

    with live() as engine:
        if axis == "broker again":
            engine.configure().rate_limit("RateLimitPolicy", **new)
            assert engine.execute_pre_trade(order(1, "1", "10"))
            engine.configure().rate_limit("RateLimitPolicy", clear_broker=True)
        times[0] += 3599 * SECOND
        engine.configure().rate_limit("RateLimitPolicy", **new)
    with live() as engine:  # nothing has counted yet
        assert engine.execute_pre_trade(order(1, "1", "10"))
    with live() as engine:
        times[0] += 3599 * SECOND
        passed = [bool(engine.execute_pre_trade(order(number, "1", "10"))) for number in (2, 3)]
        assert passed == [True, False]


def test_asyncio_goes_on_as_well(tmp_path: Path) -> None:
    async def life() -> list[str]:
        stage = openpit.Engine.builder().sharded(2, journal=tmp_path, sync="power")
        async with await with_policies(stage).build_async() as engine:
            await engine.accounts().block(account(3), "by hand")
            result = await engine.execute_pre_trade(order(3, "1", "10"))
            states = [await engine.account_state(account(number)) for number in (3, 4)]
            await engine.accounts().block(account(4), "later")
        return [str(result.rejects[0].details), *(str(one.block) for one in states)]

    first, second = asyncio.run(life()), asyncio.run(life())

    assert first[0] == second[0] == "by hand"
    assert first[2] == "None"
    assert "later" in second[2]


# --- a program that is killed ---------------------------------------------------------------------


@pytest.mark.parametrize("told", [1, 30, 120])
def test_what_a_killed_program_was_told_stands(tmp_path: Path, told: int) -> None:
    program = subprocess.Popen(
        [sys.executable, str(HERE / "killed_program.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    with program:
        acknowledged = [program.stdout.readline() for _ in range(told)]
        program.kill()
        acknowledged += [line for line in program.stdout.read().splitlines() if line]

    with with_policies(openpit.Engine.builder().sharded(2, journal=tmp_path)).build() as engine:
        found = {}
        for number in range(1, 5):
            found[number] = balance_of(engine, number)

    # Each line says what an account had after it was paid one more; the last may be untold.
    known = dict.fromkeys(range(1, 5), 0)
    for line in acknowledged:
        number, balance = map(int, line.split())
        known[number] = balance
    assert sum(found.values()) - sum(known.values()) in {0, 1}
    assert all(found[number] - known[number] in {0, 1} for number in known)


def test_a_full_disk_stops_the_shard_by_name_and_tells_nothing_that_is_not_down(
    tmp_path: Path,
) -> None:
    """The limit on the size of files stands for the disk's: a write takes a part of it."""
    program = subprocess.run(
        [sys.executable, str(HERE / "full_disk_program.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=90,
    )

    told = json.loads(program.stdout)
    assert "the log shard-0000 of" in program.stderr
    assert "takes nothing more: it could not be written: File too large" in program.stderr
    assert told["why"] == (
        "its worker ended with exit code 73: its journal takes nothing more, see its stderr"
    )
    with plain_funds(tmp_path) as engine:
        assert balance_of(engine, 1) == told["acknowledged"]


def balance_of(engine: openpit.ShardedEngine, number: int) -> int:
    """Return what an account has of its one asset; 0 if there is none."""
    holdings = [
        holding
        for policy in engine.account_state(account(number)).policies
        for holding in policy.holdings
    ]
    return sum(int(holding.available.decimal) for holding in holdings)


def plain_funds(journal: Path, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(1, journal=journal, **options)
    return stage.builtin(build_spot_funds()).build()


def test_a_change_that_cannot_be_written_down_is_made_on_no_shard(tmp_path: Path) -> None:
    def full(_: object) -> None:
        raise JournalFailed("the log router takes nothing more")

    with plain(tmp_path) as engine:
        engine._router.books.note = full
        for change, checks in (
            (lambda: engine.accounts().register_group([account(1), account(2)], 5), 1),
            (lambda: engine.accounts().block_group(5, "not today"), 0),
            (lambda: engine.halt("lunch"), 0),
        ):
            sent = [shard.sent for shard in engine.stats()]
            with pytest.raises(JournalFailed):
                change()
            assert [shard.sent for shard in engine.stats()] == [each + checks for each in sent]
        assert engine.groups() == []
        assert all(engine.execute_pre_trade(order(number)) for number in (1, 2))


# --- what is refused ------------------------------------------------------------------------------


def test_a_directory_is_one_engines(tmp_path: Path) -> None:
    in_use = pytest.raises(JournalInUse, match=r"desk is in use by this process")
    with plain(tmp_path / "desk"), in_use:
        plain(tmp_path / "desk")
    with plain(tmp_path / "desk"):
        pass


def test_another_engine_is_refused_by_what_is_different(tmp_path: Path) -> None:
    plain(tmp_path, Counting(20)).close()

    for build, differences in (
        (lambda: plain(tmp_path, Counting(21)), ("policy Counting: most is 21, and was 20",)),
        (lambda: plain(tmp_path, Counting(), shards=3), ("it has 3 shards, and had 2",)),
        (lambda: plain(tmp_path), ("policy Counting is not there",)),
        (lambda: plain(tmp_path, Counting(), Moody()), ("policy Moody is new",)),
    ):
        with pytest.raises(JournalMismatch) as refused:
            build()
        assert refused.value.differences == differences
        assert str(refused.value).startswith(f"{tmp_path} is the journal of another engine: ")

    plain(tmp_path, Counting(20)).close()


def test_a_policy_that_reads_more_than_its_input_is_caught_by_name(tmp_path: Path) -> None:
    with plain(tmp_path, Counting(), Moody(), shards=1) as engine:
        for number in range(3):
            engine.execute_pre_trade(order(number))

    with pytest.raises(
        ReplayDiverged, match=r"shard 0: the batch of commands 1 to 1 .* Moody"
    ) as it:
        plain(tmp_path, Counting(), Moody(), shards=1)

    assert it.value.shard == 0


def test_a_policy_that_raises_is_replayed_whatever_its_text_says(tmp_path: Path) -> None:
    for _ in range(2):
        with plain(tmp_path, Counting(), shards=1) as engine, pytest.raises(ValueError, match="13"):
            engine.execute_pre_trade(order(1, "13"))


def test_a_hole_refuses_the_start_and_a_torn_tail_does_not(tmp_path: Path) -> None:
    with plain(tmp_path, shards=1, snapshot_every=0) as engine:
        for number in range(5):
            engine.execute_pre_trade(order(number))
    folder = tmp_path / "shard-0000"
    records = list(LogReader(DISK, folder))
    (path,) = folder.glob("*.log")
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[records[1].position + 30] ^= 1
    path.write_bytes(damaged)

    with pytest.raises(JournalDamaged) as refused:
        plain(tmp_path, shards=1)
    assert (refused.value.path, refused.value.position) == (str(path), records[1].position)

    path.write_bytes(whole[:-1])
    with plain(tmp_path, shards=1) as engine:
        assert engine.execute_pre_trade(order(1))


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("shard-0001", "all shards were up in start 1 of the engine, and it has no segment"),
        ("shard-0001/*.log", "all shards were up in start 1 of the engine, and it ends with start"),
        ("router", "router at 0: shard-0000 has start 1 of the engine, and it has none"),
        ("router/*.log", "shard-0000 has start 1 of the engine, and it ends with start 0"),
    ],
)
def test_a_log_that_lacks_its_end_refuses_the_start(tmp_path: Path, lost: str, told: str) -> None:
    journal = tmp_path / "desk"
    for _ in range(2):
        with plain(journal, snapshot_every=0) as engine:
            for number in range(9):
                engine.accounts().block(account(number), "by hand")
    gone = max(journal.glob(lost))  # the whole log, or its last segment
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    before = {path: path.read_bytes() for path in journal.glob("*/*.log")}

    for _ in range(2):  # nothing is written that would have the next start believe it
        with pytest.raises(JournalDamaged, match=re.escape(told)):
            plain(journal)
    result = CliRunner().invoke(main, ["journal", "verify", str(journal)])

    assert {path: path.read_bytes() for path in journal.glob("*/*.log")} == before
    assert result.exit_code == Exit.DAMAGED
    assert told in result.output


def test_a_start_that_ended_before_its_first_record_is_counted(tmp_path: Path) -> None:
    with plain(tmp_path, snapshot_every=0) as engine:
        engine.accounts().block(account(1), "by hand")
    (segment,) = (tmp_path / "router").glob("*.log")
    header = header_in(segment.read_bytes(), Segment(segment, 1))
    assert header is not None
    DISK.cut(segment, header.end)  # as a power loss may leave it
    for shard in range(2):
        (last,) = (tmp_path / f"shard-{shard:04d}").glob("*.log")
        DISK.create(last.with_name(f"{10**6:020d}.log")).close()  # just begun, without its header

    with plain(tmp_path) as engine:
        assert engine.account_state(account(1)).block.reason == "by hand"
        assert engine.execute_pre_trade(order(2))
    for _ in range(2):
        with plain(tmp_path) as engine:
            assert engine.execute_pre_trade(order(2))


def test_a_call_in_flight_when_its_worker_is_killed_is_answered_by_the_next_life(
    tmp_path: Path,
) -> None:
    engine = plain_funds(tmp_path, restarts=0)
    engine.apply_account_adjustment(account(1), [deposit("USD", "5")])
    pid = engine.stats()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)

    with pytest.raises((OutcomeUnknown, openpit.ShardDown)):
        engine.apply_account_adjustment(account(1), [deposit("USD", "7")])
    engine.close()

    with plain_funds(tmp_path) as again:
        assert balance_of(again, 1) == 5


def test_time_never_goes_back(tmp_path: Path) -> None:
    """A clock that begins anew with the machine is gone on with from the last time."""
    day = Day(tmp_path, 1, shards=1)
    day.both(lambda engine: engine.execute_pre_trade(order(2, "1", None)))
    day.close()
    lives = [
        json.loads(record.batch)["life"]
        for record in LogReader(DISK, tmp_path / "router")
        if b'"life"' in record.batch
    ]
    assert [life["time"] for life in lives] == [1_000 * SECOND]
