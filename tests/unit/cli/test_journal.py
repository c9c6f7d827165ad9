"""`openpit journal`: what it tells of logs that are whole, torn, or have a hole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.journal.files import DISK
from openpit.journal.layout import log_folder
from openpit.journal.snapshots import write_snapshot
from openpit.journal.writing import LogWriter
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


def with_snapshots(journal: Path, *numbers: int, cut: int = 1) -> Path:
    """Add snapshots to the shard's log, and a segment that begins with its record 4."""
    folder = log_folder(journal, "shard-0003")
    LogWriter(DISK, folder, "shard-0003", 4, {"no_snapshots": "a policy reads the stars"}).close()
    for number in numbers:
        write_snapshot(DISK, folder, number, {"wall": 7 * number}, b"state" * number)
    for path in sorted(folder.glob("*.log"))[: cut - 1]:
        path.unlink()
    return folder


def test_snapshots_are_verified_with_their_log(journal: Path) -> None:
    folder = with_snapshots(journal, 2, 3)
    said = "shard-0003: 3 records, whole; snapshot of record 2: 10 bytes"
    assert f"{said}; snapshot of record 3: 15 bytes" in run("verify", journal).output.splitlines()
    (_, log) = json.loads(run("verify", journal, "--json").output)
    assert log["snapshots"] == [
        {"record": number, "bytes": 5 * number, "wall": 7 * number, "damaged": None}
        for number in (2, 3)
    ]

    (damaged,) = folder.glob("*3.snap")
    DISK.cut(damaged, 50)

    result = run("verify", journal)
    assert result.exit_code == 0  # the start has another one
    assert f"{said}; damaged snapshot: {damaged} at " in result.output


def test_a_log_that_was_cut_needs_a_snapshot_of_what_is_gone(journal: Path) -> None:
    folder = with_snapshots(journal, 3, cut=2)
    assert "shard-0003: 0 records, whole; snapshot of record 3: 15 bytes" in (
        run("verify", journal).output
    )
    (snapshot,) = folder.glob("*.snap")
    DISK.cut(snapshot, 9)

    result = run("verify", journal)

    assert result.exit_code == Exit.DAMAGED
    assert "hole: " in result.output
    assert "the records before 4 are not there, nor in a snapshot that is whole" in result.output
    snapshot.unlink()
    assert run("verify", journal).exit_code == Exit.DAMAGED


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
