"""Flows and decisions as CSV, Parquet and Arrow: the same decisions, told by row and column."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result
from pyarrow import ipc, parquet

from openpit.cli import main
from openpit.cli.columns import EVENT
from openpit.cli.events import Cancel, Fill, OrderPlaced
from openpit.cli.exits import Exit
from openpit.cli.flows import dump
from openpit.cli.generate import generate
from openpit.cli.sheet_files import opened_lines

ENDS = ["jsonl", "csv", "parquet", "arrow"]
SHEETS = ENDS[1:]
REPLAY = ("--shards", "0")

CONFIG = """
[order_validation]
[rate_limit]
broker = {max_orders = 20, window = "30ms"}
[order_size_limit]
broker = {max_quantity = "300", max_notional = "50000"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def write_sheets(lines: list[str]) -> None:
    """Write a flow in every format, from its JSON lines."""
    for end in ENDS:
        with opened_lines(Path(f"flow.{end}"), EVENT) as file:
            for line in lines:
                file.write(line)
            file.finish()


def odd_flow(seed: int) -> list[str]:
    """Return a flow whose ids are texts, whose amounts are odd, and of which not all is right."""
    draw = Random(seed)
    amounts = ["10", "1.50", "0", "-1", "1e1", "9e-5", "x", "1" * 30, "300.000", "0.5"]
    names = ['KO,"X"', "KO", "é", "A" * 70, "AA PL", "'"]
    lines = []
    time = 0
    for number in range(400):
        time += draw.choice([0, 100_000, 3_000_000, -5 if number % 40 == 39 else 1])
        key = f"C{draw.randrange(200)}"
        event: OrderPlaced | Fill | Cancel
        match draw.randrange(4):
            case 0 | 1:
                event = OrderPlaced(
                    key,
                    f"A/{draw.randrange(5)}",
                    draw.choice(names),
                    draw.choice(["USD", "EUR"]),
                    draw.choice(["BUY", "SELL", "SELL", "BUY", "buy"]),
                    draw.choice(amounts),
                    None,
                    draw.choice([None, *amounts]),
                    time,
                )
            case 2:
                fee, pnl = draw.choice([None, "0.02"]), draw.choice([None, "-1.10"])
                event = Fill(key, draw.choice(amounts), "9.99", fee, pnl, time)
            case _:
                event = Cancel(key, draw.choice([None, None, "5"]), time)
        lines.append(dump(event))
    return lines


@pytest.mark.parametrize("shards", ["0", "3"])
@pytest.mark.parametrize("flow", ["generated", "odd"])
def test_the_decisions_are_the_same_bytes_from_every_format(shards: str, flow: str) -> None:
    if flow == "odd":
        write_sheets(odd_flow(5))
    else:
        write_sheets([dump(event) for event in generate(orders=1000, accounts=30, seed=2)])
    Path("limits.toml").write_text(CONFIG)

    told = {}
    for end in ENDS:
        out = f"decided-{end}.jsonl"
        ended = run("replay", f"flow.{end}", "--config", "limits.toml", "--shards", shards,
                    "--out", out, "--json", "report.json")  # fmt: skip
        assert ended.exit_code == Exit.OK, ended.output
        report = json.loads(Path("report.json").read_text())
        said = [(bad["line"], bad["reason"]) for bad in report["flow"]["bad_lines"]["first"]]
        told[end] = Path(out).read_bytes(), report["flow"]["events"], report["total"], said

    decisions, events, total, said = told["jsonl"]
    assert decisions.count(b"\n") == total["orders"] > 50
    if flow == "odd":
        assert len(said) > 20
    for end in SHEETS:
        first = 2 if end == "csv" else 1  # the line of the first row
        moved = [(line + first - 1, reason) for line, reason in said]
        assert told[end] == (decisions, events, total, moved), end


@pytest.mark.parametrize("shards", ["0", "2"])
def test_the_decisions_are_rows_of_the_same(shards: str) -> None:
    run("generate", "--orders", 700, "--accounts", 30, "--out", "flow.parquet")
    for end in ENDS:
        ended = run("replay", "flow.parquet", "--shards", shards, "--out", f"d.{end}")
        assert ended.exit_code == Exit.OK, ended.output

    lines = [json.loads(line) for line in Path("d.jsonl").read_text().splitlines()]
    assert len(lines) == 700
    assert {line["accepted"] for line in lines} == {True, False}
    assert parquet.read_table("d.parquet").to_pylist() == lines
    assert ipc.open_file("d.arrow").read_all().to_pylist() == lines
    with Path("d.csv").open(newline="") as file:
        cells = [
            {name: cell if name == "accepted" else json.loads(cell) for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]
    assert cells == [line | {"accepted": str(line["accepted"]).lower()} for line in lines]


def test_a_generated_flow_is_the_same_in_every_format() -> None:
    for end in ENDS:
        run("generate", "--orders", 500, "--accounts", 20, "--seed", 9, "--out", f"flow.{end}")
    written = {end: Path(f"flow.{end}").read_bytes() for end in ENDS}

    write_sheets(written["jsonl"].decode().splitlines(keepends=True))

    assert {end: Path(f"flow.{end}").read_bytes() for end in ENDS} == written


# --- what is wrong --------------------------------------------------------------------------------

BAD = [
    dump(OrderPlaced(1, 1, "KO", "USD", "BUY", "1", None, "60")),
    dump(OrderPlaced(2, 1, "KO", "USD", "UP", "1", None, "60")),
]


@pytest.mark.parametrize(("end", "place"), [("csv", "line 3"), ("parquet", "row 2")])
def test_a_bad_row_is_told_by_file_row_and_column(end: str, place: str) -> None:
    write_sheets(BAD)
    said = f"flow.{end}: {place}: side must be BUY or SELL, not 'UP'\n"

    left_out = run("replay", f"flow.{end}", *REPLAY)
    strict = run("replay", f"flow.{end}", *REPLAY, "--strict")
    write_sheets(BAD[1:])
    all_bad = run("replay", f"flow.{end}", *REPLAY)

    assert (left_out.exit_code, left_out.stderr) == (Exit.OK, said)
    assert (strict.exit_code, strict.stderr) == (
        Exit.BAD_LINE,
        f"Error: stopped at the first bad line, --strict: {said}",
    )
    word, number = place.split()
    assert all_bad.exit_code == Exit.UNREADABLE
    assert all_bad.stderr.endswith(
        f"flow.{end}: none of its 1 {word}s could be read; {word} {int(number) - 1}: side must be"
        " BUY or SELL, not 'UP'\n"
    )


def test_a_csv_flow_comes_through_a_pipe_if_that_is_said() -> None:
    write_sheets(BAD[:1])
    ended = run("replay", "-", "--format", "csv", *REPLAY, "--out", "-",
                stdin=Path("flow.csv").read_bytes())  # fmt: skip

    assert ended.exit_code == Exit.OK
    assert ended.stdout == '{"order":1,"account":1,"accepted":true,"rejects":[]}\n'


def test_a_column_that_is_none_ends_it_before_a_decision() -> None:
    Path("flow.csv").write_text("event,order,prise\n")
    ended = run("replay", "flow.csv", *REPLAY, "--out", "d.csv")

    assert ended.exit_code == Exit.UNREADABLE
    assert ended.stderr == "Error: flow.csv has unknown columns: prise\n"
    assert not Path("d.csv").exists()


def test_without_the_extra_the_command_says_so_before_it_works() -> None:
    Path("pyarrow.py").write_text("raise ModuleNotFoundError('none', name='pyarrow')\n")
    write_sheets(BAD[:1])
    for arguments in (
        ("replay", "flow.parquet", "--shards", "0"),
        ("replay", "flow.jsonl", "--shards", "0", "--out", "d.parquet"),
        ("generate", "--out", "made.arrow"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "openpit", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == Exit.NOT_FOUND
        assert ended.stderr.startswith("Error: pyarrow is not installed: ")
        assert "pip install '.[arrow]'" in ended.stderr
    csv_flow = subprocess.run(
        [sys.executable, "-m", "openpit", "replay", "flow.csv", "--shards", "0", "--out", "d.csv"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (csv_flow.returncode, csv_flow.stderr) == (Exit.OK, b"")
