"""The commands with standard streams that are closed, full, read no more, or of few letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit

FLOW = """\
{"event":"order","time":1000,"order":1,"account":5,"symbol":"AAPL","currency":"USD","side":"BUY","quantity":"10","price":"185.50"}
nonsense
"""
REPLAY = "replay flow.jsonl --shards 0"
COMMANDS = [
    "--help",
    "replay --help",
    "config",
    "generate --orders 20",
    "generate --orders 5000",
    REPLAY,
]

needs_a_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flow.jsonl").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(arguments: str, streams: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that puts its streams in place."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m openpit.cli {arguments} {streams}', sys.executable],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | variables,
    )


@needs_a_full_disk
@pytest.mark.parametrize("arguments", COMMANDS)
def test_stdout_is_full(arguments: str) -> None:
    ran = shell(arguments, ">/dev/full")

    assert ran.returncode == Exit.IO_FAILED
    assert ran.stderr.endswith("Error: cannot write stdout: No space left on device\n")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("arguments", COMMANDS[2:])
def test_stdout_is_closed(arguments: str) -> None:
    ran = shell(arguments, ">&-")

    assert ran.returncode == Exit.IO_FAILED
    assert ran.stderr == "Error: cannot write stdout: it is closed\n"


@pytest.mark.parametrize("arguments", ["generate --orders 5000", REPLAY])
def test_nobody_reads_stdout(arguments: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "openpit.cli", *arguments.split()],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)

    assert ran.returncode == Exit.IO_FAILED
    assert ran.stderr == (
        "flow.jsonl: line 2: not JSON: Expecting value at column 1\n" * ("replay" in arguments)
    )


def test_stdin_is_closed() -> None:
    ran = shell("replay - --shards 0", "<&-")

    assert ran.returncode == Exit.IO_FAILED
    assert ran.stderr == "Error: cannot read stdin: it is closed\n"


def test_stderr_is_closed() -> None:
    ran = shell(REPLAY, "2>&-")

    assert ran.returncode == Exit.OK
    assert "bad lines: 1" in ran.stdout


@pytest.mark.parametrize("shards", ["0", "1"])
def test_nothing_is_printed_into_a_file_that_got_the_number_of_a_closed_stream(
    folder: Path, shards: str
) -> None:
    ran = shell(f"replay flow.jsonl --shards {shards} --out decisions.jsonl", "<&- 2>&-")

    assert ran.returncode == Exit.OK
    assert (folder / "decisions.jsonl").read_text() == (
        '{"order":1,"account":5,"accepted":true,"rejects":[]}\n'
    )


def test_a_locale_without_the_letters_of_the_report() -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    replayed = shell(REPLAY, **plain)
    printed = shell("config", **plain)

    assert replayed.returncode == printed.returncode == Exit.OK
    assert "orders/s" in replayed.stdout
    assert printed.stdout == DEFAULT_CONFIG
