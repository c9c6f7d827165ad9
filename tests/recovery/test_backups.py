"""A copy of a journal that was made while its engine was at work: another engine begins with it."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from makers import account, deposit
from trading import ACCOUNTS, Day, with_policies

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.errors import JournalError
from openpit.faces import backup
from openpit.faces.backup import back_up
from openpit.journal.files import DISK
from openpit.journal.reading import LogReader
from openpit.journal.segments import segments_of
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def stage_of(journal: Path) -> Any:
    return openpit.Engine.builder().sharded(2, journal=journal)


def test_an_engine_of_a_copy_is_the_engine_that_was_copied(tmp_path: Path) -> None:
    day = Day(tmp_path / "desk", 31, shards=2)
    day.trade(60)
    back_up(tmp_path / "desk", tmp_path / "copy")
    told = [repr(day.engine.account_state(account(number)).policies) for number in ACCOUNTS]
    day.trade(60)

    stage = openpit.Engine.builder().clock(day.clock).sharded(2, journal=tmp_path / "copy")
    past = with_policies(stage).build_past()

    assert [repr(past.account_state(account(number)).policies) for number in ACCOUNTS] == told
    stage = openpit.Engine.builder().clock(day.clock).sharded(2, journal=tmp_path / "copy")
    with with_policies(stage).build() as copy:  # beside the first, which goes on
        copy.apply_account_adjustment(account(1), [deposit("USD", "1")])
    day.trade(20)
    day.compare()
    day.close()


@pytest.mark.parametrize("written", [0, 20])
def test_a_segment_that_a_start_has_just_begun_is_in_the_copy(tmp_path: Path, written: int) -> None:
    for _ in range(2):  # nothing is said in the second life
        with with_policies(stage_of(tmp_path / "desk")).build():
            pass
    for log in ("shard-0000", "shard-0001"):
        segments = segments_of(DISK, tmp_path / "desk" / log)
        DISK.cut(segments[-1].path, written)  # and the third has ended as it wrote the header

    back_up(tmp_path / "desk", tmp_path / "copy")

    with with_policies(stage_of(tmp_path / "copy")).build() as copy:
        copy.apply_account_adjustment(account(1), [deposit("USD", "1")])


@pytest.mark.parametrize("seed", [1, 2])
def test_what_spans_shards_is_whole_in_a_copy_made_amid_it(tmp_path: Path, seed: int) -> None:
    """Copies are made while every shard is told of change after change."""
    accounts = [account(number) for number in ACCOUNTS]
    copies = 0
    with with_policies(stage_of(tmp_path / "desk")).build() as engine:
        is_over = threading.Event()

        def trade() -> None:
            group = 5 + seed
            while not is_over.is_set():
                engine.halt(f"halt {group}")
                engine.accounts().register_group(accounts, group)
                engine.accounts().block_group(group, "all")
                engine.accounts().unregister_group(accounts, group)
                group += 1

        trading = threading.Thread(target=trade)
        trading.start()
        try:
            for copies in range(1, 6):
                back_up(tmp_path / "desk", tmp_path / f"copy-{copies}")
        finally:
            is_over.set()
            trading.join()

    for number in range(1, copies + 1):
        with with_policies(stage_of(tmp_path / f"copy-{number}")).build() as copy:
            members = {one.group.value: one.members for one in copy.groups() if one.members}
            assert set(members.values()) <= {len(accounts)}, members
            halts = {repr(copy.halted())}
            states = [copy.account_state(one) for one in accounts]
            assert len({repr(one.engine_block) for one in states} | halts) <= 2
            assert len({repr(one.group_block) for one in states}) == 1
    assert copies == 5


def test_a_copy_that_a_start_of_the_engine_has_spoilt_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_policies(stage_of(tmp_path / "desk")).build().close()
    copied: list[str] = []
    copy_log = backup.copy_log

    def copying(disk: Any, source: Path, target: Path, **more: Any) -> Any:
        found = copy_log(disk, source, target, **more)
        copied.append(source.name)
        if len(copied) <= starts:
            with_policies(stage_of(tmp_path / "desk")).build().close()
        return found

    monkeypatch.setattr(backup, "copy_log", copying)
    starts = 1
    back_up(tmp_path / "desk", tmp_path / "copy")

    assert copied == ["shard-0000", "shard-0001", "router"] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"desk", "copy"}
    copied.clear()
    monkeypatch.setattr(backup, "TRIES", 1)
    with pytest.raises(JournalError, match="was started anew, or its logs cut"):
        back_up(tmp_path / "desk", tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"desk", "copy"}


def test_a_segment_that_goes_while_it_is_copied_is_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_policies(stage_of(tmp_path / "desk")).build().close()
    tries = []

    def copying(*_: Any, **__: Any) -> Any:
        tries.append(1)
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(backup, "copy_log", copying)

    with pytest.raises(JournalError):
        back_up(tmp_path / "desk", tmp_path / "copy")
    assert len(tries) == backup.TRIES


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["journal", "backup", *map(str, arguments)])


def test_the_command_tells_what_was_copied_and_how_it_ends(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    with with_policies(stage_of(desk)).build() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
        engine.halt("lunch")
    shutil.copytree(desk, tmp_path / "torn")
    log = next((tmp_path / "torn" / "shard-0001").glob("*.log"))
    DISK.cut(log, log.stat().st_size - 1)
    log = next((desk / "shard-0000").glob("*.log"))

    result = run(desk, tmp_path / "copy", "--json")
    torn = run(tmp_path / "torn", tmp_path / "torn copy")

    assert result.exit_code == 0, result.output
    logs = json.loads(result.output)
    assert [one["log"] for one in logs] == ["shard-0000", "shard-0001", "router"]
    assert [one["bytes"] for one in logs] == [
        sum(path.stat().st_size for path in (desk / one["log"]).glob("*.log")) for one in logs
    ]
    assert torn.exit_code == 0
    reader = LogReader(DISK, tmp_path / "torn copy" / "shard-0001")
    assert len(list(reader)) == logs[1]["records"] - 1
    assert reader.torn is None
    again = run(desk, tmp_path / "copy")
    assert again.exit_code == Exit.USAGE
    assert "copy exists" in again.output
    assert run(tmp_path, tmp_path / "no").exit_code == Exit.USAGE
    assert run(desk, log / "no").exit_code == Exit.IO_FAILED
    first, *behind = LogReader(DISK, desk / "shard-0000")
    assert behind
    data = bytearray(log.read_bytes())
    data[first.position + 30] ^= 1
    log.write_bytes(data)
    assert run(desk, tmp_path / "no").exit_code == Exit.DAMAGED
    assert {path.name for path in tmp_path.iterdir()} == {"desk", "copy", "torn", "torn copy"}


def test_snapshots_go_along(tmp_path: Path) -> None:
    def built(journal: Path) -> openpit.ShardedEngine:
        return stage_of(journal).builtin(build_spot_funds()).build()  # type: ignore[no-any-return]

    for _ in range(4):  # so that the logs are cut
        with built(tmp_path / "desk") as engine:
            for number in ACCOUNTS:
                engine.apply_account_adjustment(account(number), [deposit("USD", "10")])
    newest = max((tmp_path / "desk" / "shard-0000").glob("*.snap"))

    with built(tmp_path / "desk") as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "10")])
        back_up(tmp_path / "desk", tmp_path / "copy")
        newest.write_bytes(b"damaged")
        back_up(tmp_path / "desk", tmp_path / "without")
        told = [repr(engine.account_state(account(number))) for number in ACCOUNTS]

    assert (tmp_path / "copy" / "shard-0000" / newest.name).exists()
    assert not (tmp_path / "without" / "shard-0000" / newest.name).exists()
    for name in ("copy", "without"):
        with built(tmp_path / name) as engine:
            assert [repr(engine.account_state(account(number))) for number in ACCOUNTS] == told
