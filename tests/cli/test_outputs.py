"""Where the commands write: files, stdout for ``-``, and what goes to stderr then."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from openpit.cli import main
from openpit.cli.exits import Exit

ORDER = (
    '{{"event":"order","order":{0},"account":{0},"symbol":"AAPL","currency":"USD","side":"BUY",'
    '"quantity":"{1}","price":"185.50"}}\n'
)
FLOW = ORDER.format(1, 10) + ORDER.format(2, 1_000_000)
REPLAY = ("replay", "flow.jsonl", "--shards", "0")
DECISIONS = ['"accepted":true', '"accepted":false']


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flow.jsonl").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def ran(
    *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openpit", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=stdin,
        env=os.environ | variables,
    )


# --- the command itself --------------------------------------------------------------------------


def test_the_package_is_the_command() -> None:
    helped, version, wrong = ran("--help"), ran("--version"), ran("replay", "--what")

    assert helped.stdout.startswith("Usage: openpit [OPTIONS] COMMAND [ARGS]...\n")
    assert version.stdout.startswith("openpit-sharded ")
    assert (wrong.returncode, wrong.stdout) == (Exit.USAGE, "")
    assert wrong.stderr.startswith("Usage: openpit replay ")


def test_the_package_starts_workers() -> None:
    replayed = ran("replay", "flow.jsonl", "--shards", "2")

    assert (replayed.returncode, replayed.stderr) == (Exit.OK, "")
    assert "shard 1 " in replayed.stdout


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_code_is_found_by_who_searches_for_it(columns: str) -> None:
    replayed = ran("replay", "flow.jsonl", "--shards", "2", COLUMNS=columns)

    assert replayed.stdout.count(" OrderExceedsLimit ") == 1
    widest = max(map(len, replayed.stdout.splitlines()))
    assert widest > 80  # as wide as the table is


# --- stdout and stdin ----------------------------------------------------------------------------


def test_decisions_go_to_stdout_and_the_report_to_stderr() -> None:
    result = run("replay", "flow.jsonl", "--shards", 0, "--out", "-")

    assert result.exit_code == Exit.OK
    lines = result.stdout.splitlines()
    assert [expected in line for expected, line in zip(DECISIONS, lines, strict=True)] == [True] * 2
    assert "orders/s" in result.stderr
    assert not Path("-").exists()


def test_the_report_for_machines_goes_to_stdout() -> None:
    result = run("replay", "flow.jsonl", "--shards", 0, "--json", "-")

    document = json.loads(result.stdout)
    assert document["total"]["rejects_by_code"] == {"OrderExceedsLimit": 1}
    assert document["run"]["command_line"] == [
        *("openpit", "replay", "flow.jsonl", "--shards", "0", "--json", "-")
    ]
    assert "orders/s" in result.stderr


def test_decisions_and_report_for_machines_in_files_of_their_own(folder: Path) -> None:
    result = run(
        *("replay", "flow.jsonl", "--shards", 0, "--out", "decisions.jsonl", "--json", "r.json")
    )

    assert result.exit_code == Exit.OK
    assert "orders/s" in result.stdout
    assert json.loads(Path("r.json").read_text())["total"]["orders"] == 2
    assert sorted(path.name for path in folder.iterdir()) == [
        *("decisions.jsonl", "flow.jsonl", "r.json")
    ]


def test_two_things_do_not_go_to_one_stream(folder: Path) -> None:
    both = run("replay", "flow.jsonl", "--out", "-", "--json", "-")
    read = run("replay", "-", "--config", "-", stdin=FLOW)
    same = run("replay", "flow.jsonl", "--out", "a", "--json", "a")

    assert both.exit_code == read.exit_code == same.exit_code == Exit.USAGE
    assert "--out and --json cannot all be -: there is one stdout" in both.stderr
    assert "FLOW and --config cannot all be -: there is one stdin" in read.stderr
    assert "--json would overwrite --out" in same.stderr
    assert [path.name for path in folder.iterdir()] == ["flow.jsonl"]


def test_the_configuration_comes_from_stdin() -> None:
    limits = '\ufeff[order_size_limit]\r\nbroker = {max_quantity = "5"}\r\n'

    result = run("replay", "flow.jsonl", "--shards", 0, "--config", "-", "--out", "-", stdin=limits)
    wrong = run("replay", "flow.jsonl", "--shards", 0, "--config", "-", stdin="[limits]")

    assert result.stdout.count('"accepted":false') == 2
    assert wrong.exit_code == Exit.BAD_CONFIG
    assert wrong.stderr.startswith("Error: stdin: unknown table [limits] ")


def test_a_flow_is_written_to_stdout_by_name() -> None:
    named, unnamed = run("generate", "--orders", 20, "--out", "-"), run("generate", "--orders", 20)

    assert named.stdout == unnamed.stdout != ""
    assert not Path("-").exists()


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_who_has_read_enough_ends_the_command_without_a_word(option: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "openpit", *REPLAY]
    with os.fdopen(writing, "wb") as stdout:
        done = subprocess.run(
            [*command, option, "-"],
            check=False,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    assert done.returncode == Exit.IO_FAILED
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_stderr_may_be_full() -> None:
    Path("flow.jsonl").write_text("nonsense\n" + FLOW)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        good = subprocess.run(
            [sys.executable, "-m", "openpit", *REPLAY, "--out", "-"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=60,
        )
        wrong = subprocess.run(
            [sys.executable, "-m", "openpit", "replay", "flow.jsonl", "--config", "flow.jsonl"],
            check=False,
            stderr=full,
            timeout=60,
        )

    assert (good.returncode, len(good.stdout.splitlines())) == (Exit.OK, 2)
    assert wrong.returncode == Exit.BAD_CONFIG


def test_an_output_that_has_no_place_is_told_before_the_work(folder: Path) -> None:
    Path("decisions.jsonl.part").write_text("of a replay that was stopped")

    result = run("replay", "flow.jsonl", "--out", "decisions.jsonl", "--json", "none/report.json")

    assert result.exit_code == Exit.IO_FAILED
    assert result.stderr == "Error: cannot write none/report.json: No such file or directory\n"
    assert result.stdout == ""
    assert Path("decisions.jsonl.part").read_text() == "of a replay that was stopped"


# --- flows that cannot be read -------------------------------------------------------------------


def test_a_flow_of_which_nothing_could_be_read(folder: Path) -> None:
    Path("notes.jsonl").write_text("time;order;side\n" * 3)

    result = run("replay", "notes.jsonl", "--shards", 0, "--out", "d.jsonl", "--json", "r.json")

    assert result.exit_code == Exit.UNREADABLE
    assert result.stderr.endswith(
        "Error: notes.jsonl: none of its 3 lines could be read; "
        "line 1: not JSON: Expecting value at column 1\n"
    )
    assert json.loads(Path("r.json").read_text())["exit"]["name"] == "UNREADABLE"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("flow.jsonl", "notes.jsonl", "r.json")
    ]


def test_one_line_that_can_be_read_is_a_flow() -> None:
    Path("flow.jsonl").write_text("nonsense\n" * 3 + ORDER.format(1, 10))

    assert run("replay", "flow.jsonl", "--shards", 0).exit_code == Exit.OK


def test_an_empty_flow_is_one_with_nothing_in_it() -> None:
    Path("flow.jsonl").write_text("\n\r\n")

    result = run("replay", "flow.jsonl", "--shards", 0)

    assert (result.exit_code, result.stderr) == (Exit.OK, "")
    assert "the flow is empty" in result.stdout


def test_bad_lines_beyond_a_hundred_are_counted() -> None:
    Path("flow.jsonl").write_text("nonsense\n" * 1_234 + FLOW)

    result = run("replay", "flow.jsonl", "--shards", 0)

    assert result.exit_code == Exit.OK
    told = result.stderr.splitlines()
    assert len(told) == 101
    assert told[99].startswith("flow.jsonl: line 100: not JSON")
    assert told[100] == "flow.jsonl: 1,134 more bad lines"
    assert "bad lines: 1,234 (the first 100 reported above, all left out)" in result.stdout


def test_a_compressed_flow_is_told_how_to_unpack() -> None:
    packed = gzip.compress(FLOW.encode())
    Path("flow.jsonl.gz").write_bytes(packed)
    Path("packed.jsonl").write_bytes(packed)

    named, hidden = run("replay", "flow.jsonl.gz"), ran("replay", "packed.jsonl", "--shards", "0")
    with Path("packed.jsonl").open("rb") as file:
        piped = ran("replay", "-", "--shards", "0", stdin=file)

    assert (named.exit_code, hidden.returncode) == (Exit.USAGE, Exit.UNREADABLE)
    assert "zcat FLOW | openpit replay - --format jsonl" in named.stderr
    assert hidden.stderr.startswith("Error: packed.jsonl is compressed (gzip); unpack it first")
    assert piped.returncode == Exit.UNREADABLE
    assert piped.stderr.startswith("Error: stdin is compressed (gzip); ")


def test_orders_without_funds_are_told_how_to_get_some() -> None:
    result = run("replay", "flow.jsonl", "--shards", 0, "--config", "-", stdin="[spot_funds]")

    assert result.exit_code == Exit.OK
    assert "no order was accepted, and 2 were refused for lack of funds" in result.stdout
    assert "[[spot_funds.funds]]" in result.stdout


# --- the same flow, the same document ------------------------------------------------------------


def test_the_document_is_the_same_for_any_number_of_shards() -> None:
    run("generate", "--orders", 2_000, "--accounts", 50, "--out", "flow.jsonl")

    documents: list[dict[str, Any]] = []
    for shards in (0, 1, 3):
        result = run("replay", "flow.jsonl", "--shards", shards, "--batch", 64, "--json", "-")
        documents.append(json.loads(result.stdout))

    assert [len(document["shards"]) for document in documents] == [0, 1, 3]
    assert sum(shard["orders"] for shard in documents[2]["shards"]) == 2_000
    for document in documents:
        del document["run"], document["shards"]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["money"]["USD"]["fills"] > 500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_half_written_under_its_name(
    folder: Path, number: signal.Signals
) -> None:
    """The flow comes through a pipe that stays open, so that the replay is in its midst."""
    command = [sys.executable, "-m", "openpit", "replay", "-", "--shards", "1", "--batch", "1"]
    process = subprocess.Popen(
        [*command, "--out", "decisions.jsonl", "--json", "report.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        assert process.stdin is not None
        part = folder / "decisions.jsonl.part"
        placed = 0
        while not part.exists() or not part.stat().st_size:
            placed += 1
            process.stdin.write(ORDER.format(placed, 10))
            process.stdin.flush()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == Exit.INTERRUPTED
    assert "Traceback" not in err
    assert "orders/s" in out
    assert "the decisions until then are in " in err
    assert not (folder / "decisions.jsonl").exists()
    document = json.loads((folder / "report.json").read_text())
    assert document["exit"]["name"] == "INTERRUPTED"
    assert document["total"]["orders"] == len(part.read_text().splitlines())
