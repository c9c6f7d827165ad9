"""`openpit journal`: what it tells of logs that are whole, torn, or have a hole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.journal.files import DISK
from openpit.journal.layout import log_folder
from openpit.journal.snapshots import write_snapshot
from openpit.journal.writing import LogWriter
from openpit.shards.shard_state import LAYOUT, market_row
from openpit.shards.snapshots import Standing, packed_state_of
from openpit.wire.frames import command_frame

if TYPE_CHECKING:
    from pathlib import Path

HEADER = len(b"openpitJ") + 10


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["journal", *map(str, arguments)])


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a journal of a router's log of one record and a shard's of three."""
    directory = tmp_path / "desk"
    for log, batches in (
        ("router", [b"{}"]),
        ("shard-0003", [command_frame(3, 0, 1 + 2 * n, 2, 50 + n, b"body") for n in range(3)]),
    ):
        writer = LogWriter(DISK, log_folder(directory, log), log, 1, {"policies": {"a": "b"}})
        for batch in batches:
            writer.append([(batch, 0xAB)])
        writer.close()
    return directory


def file_of(journal: Path, log: str) -> Path:
    (path,) = (journal / log).iterdir()
    return path


def test_a_whole_journal_is_verified(journal: Path) -> None:
    result = run("verify", journal)

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "router: 1 records, whole",
        "shard-0003: 3 records, whole",
    ]


def test_a_torn_tail_is_told_and_is_no_fault(journal: Path) -> None:
    path = file_of(journal, "shard-0003")
    size = path.stat().st_size
    DISK.cut(path, size - 1)

    result = run("verify", journal, "--json")

    assert result.exit_code == 0
    torn = json.loads(result.output)[1]["torn"]
    assert torn["path"] == str(path)
    assert torn["position"] + torn["bytes"] == size - 1
    assert json.loads(result.output)[1]["records"] == 2
    assert f"torn tail: {path} at {torn['position']}" in run("verify", journal).output


def test_a_hole_is_told_by_its_place_and_ends_with_its_code(journal: Path) -> None:
    path = file_of(journal, "shard-0003")
    data = bytearray(path.read_bytes())
    first = json.loads(run("dump", journal, "--log", "shard-0003", "--json").output.splitlines()[0])
    data[first["position"] + 30] ^= 1
    path.write_bytes(data)

    result = run("verify", journal)

    assert result.exit_code == Exit.DAMAGED
    assert f"shard-0003: 0 records, hole: {path} at {first['position']}: " in result.output
    assert f"no engine can be built of {journal}: see shard-0003" in result.output
    assert run("dump", journal).exit_code == Exit.DAMAGED


def test_a_dump_has_a_line_for_each_record(journal: Path) -> None:
    rows = [json.loads(line) for line in run("dump", journal, "--json").output.splitlines()]

    assert [(row["log"], row["record"]) for row in rows] == [
        ("router", 1),
        *[("shard-0003", number) for number in (1, 2, 3)],
    ]
    position, size = rows[1]["position"], rows[1]["bytes"]
    assert rows[2] == {
        "log": "shard-0003",
        "record": 2,
        "position": position + 28 + size,
        "bytes": size,
        "check": "000000ab",
        "epoch": 0,
        "client": 0,
        "op": "messages",
        "first": 3,
        "commands": 2,
        "time": 51,
    }
    assert [line.split("  ")[1] for line in run("dump", journal, "--from", 3).output.splitlines()] \
        == ["record 3"]  # fmt: skip


def test_stats_say_how_much_there_is(journal: Path) -> None:
    result = run("stats", journal)
    document = json.loads(run("stats", journal, "--json").output)

    assert result.exit_code == 0
    (row,) = (line.split() for line in result.output.splitlines() if "shard-0003" in line)
    assert row == [
        *("shard-0003", "1", "3", f"{file_of(journal, 'shard-0003').stat().st_size:,}"),
        "0",
    ]
    assert document["logs"][1]["header"]["policies"] == {"a": "b"}
    assert document["free"] > 0


def state_of(number: int) -> bytes:
    """Return a shard's state with so many open handles, three blocks and an account in a group."""
    registry = ([(1, ()), (2, ())], [(7, ())], [(1, 7)], [], [], False, False, None)
    clients = [(0, [(handle, 0, ()) for handle in range(number)])]
    state = (
        9, (registry, [("Spot", ((), ()))]), (), (), [(1, b"key")], ((), ()), clients, [],
        [("gateway", b"")], (), [market_row(7, [("default_ttl", 5)])], (),
    )  # fmt: skip
    return packed_state_of(Standing(number, {0: 5}, 90 + number), state)


def holds(number: int) -> dict[str, Any]:
    return {
        "time": 90 + number, "policies": ["Spot"], "actors": ["gateway"], "blocks": 3,
        "accounts in groups": 1, "open": number, "keys": 1,
        "changes of market data": 7,
    }  # fmt: skip


def said_of(number: int) -> str:
    size = len(state_of(number))
    return f"; snapshot of record {number}: {size:,} bytes, {number} open, of Spot, gateway"


def with_snapshots(journal: Path, *numbers: int, cut: int = 1) -> Path:
    """Add snapshots to the shard's log, and a segment that begins with its record 4."""
    folder = log_folder(journal, "shard-0003")
    LogWriter(DISK, folder, "shard-0003", 4, {"no_snapshots": "a policy reads the stars"}).close()
    for number in numbers:
        write_snapshot(
            DISK, folder, number, {"wall": 7 * number, "layout": LAYOUT}, state_of(number)
        )
    for path in sorted(folder.glob("*.log"))[: cut - 1]:
        path.unlink()
    return folder


def test_snapshots_are_verified_with_their_log(journal: Path) -> None:
    folder = with_snapshots(journal, 2, 3)
    said = f"shard-0003: 3 records, whole{said_of(2)}"
    assert f"{said}{said_of(3)}" in run("verify", journal).output.splitlines()
    (_, log) = json.loads(run("verify", journal, "--json").output)
    assert log["snapshots"] == [
        {
            "record": number,
            "bytes": len(state_of(number)),
            "wall": 7 * number,
            "damaged": None,
            "holds": holds(number),
        }
        for number in (2, 3)
    ]

    (damaged,) = folder.glob("*3.snap")
    DISK.cut(damaged, 50)

    result = run("verify", journal)
    assert result.exit_code == 0  # the start has another one
    assert f"{said}; damaged snapshot: {damaged} at " in result.output


def test_a_dump_has_each_snapshot_behind_its_last_record(journal: Path) -> None:
    folder = with_snapshots(journal, 2, 3)
    rows = [json.loads(line) for line in run("dump", journal, "--json").output.splitlines()]
    places = [row.get("record", f"snapshot {row.get('snapshot')}") for row in rows[1:]]
    assert places == [1, 2, "snapshot 2", 3, "snapshot 3"]
    assert rows[-1] == {
        "log": "shard-0003", "snapshot": 3, "bytes": len(state_of(3)), **holds(3)
    }  # fmt: skip
    assert "open 2  keys 1  changes of market data 7" in run("dump", journal).output
    later = run("dump", journal, "--json", "--log", "shard-0003", "--from", 3).output
    assert [json.loads(line).get("snapshot") for line in later.splitlines()] == [2, None, 3]

    write_snapshot(DISK, folder, 1, {"wall": 7, "layout": LAYOUT + 1}, state_of(1))
    (row, *_) = (row for row in map(json.loads, run("dump", journal, "--json").output.splitlines())
                 if "damaged" in row)  # fmt: skip
    assert row["snapshot"] == 1
    assert f"layout {LAYOUT + 1}" in row["damaged"]


def test_a_log_that_was_cut_needs_a_snapshot_of_what_is_gone(journal: Path) -> None:
    folder = with_snapshots(journal, 3, cut=2)
    assert f"shard-0003: 0 records, whole{said_of(3)}" in run("verify", journal).output
    (snapshot,) = folder.glob("*.snap")
    DISK.cut(snapshot, 9)

    result = run("verify", journal)

    assert result.exit_code == Exit.DAMAGED
    assert "hole: " in result.output
    assert "the records before 4 are not there, nor in a snapshot that is whole" in result.output
    snapshot.unlink()
    assert run("verify", journal).exit_code == Exit.DAMAGED


def test_a_routers_log_that_was_cut_sums_up_what_is_gone(tmp_path: Path) -> None:
    folder = log_folder(tmp_path, "router")
    writer = LogWriter(DISK, folder, "router", 8, {})
    writer.append([(b'{"life":{}}', 0)])
    assert run("verify", tmp_path).exit_code == Exit.DAMAGED
    writer.append([(b'{"settled":3,"summary":{}}', 0)])
    writer.close()
    result = run("verify", tmp_path)
    assert (result.exit_code, result.output) == (Exit.OK, "router: 2 records, whole\n")


def test_what_a_snapshot_has_may_be_damaged_in_the_log(journal: Path) -> None:
    folder = with_snapshots(journal, 3)
    first = folder / "00000000000000000001.log"
    DISK.cut(first, 9)
    assert "shard-0003: 0 records, whole; snapshot of" in run("verify", journal).output


def test_stats_say_how_many_snapshots_there_are_and_why_there_are_none(journal: Path) -> None:
    with_snapshots(journal, 2, 3)
    output = run("stats", journal).output
    (row,) = (line.split() for line in output.splitlines() if "shard-0003" in line)
    assert (row[2], row[4]) == ("3", "2")
    assert "no snapshots, all is replayed: a policy reads the stars\n" in output
    assert "\nfree: " in output


def test_a_directory_without_logs_is_a_usage_error(tmp_path: Path, journal: Path) -> None:
    for result in (run("verify", tmp_path), run("stats", tmp_path)):
        assert result.exit_code == Exit.USAGE
        assert "has no logs: it is no journal" in result.output
    result = run("dump", journal, "--log", "shard-0001")
    assert result.exit_code == Exit.USAGE
    assert "has no log 'shard-0001': router, shard-0003" in result.output
