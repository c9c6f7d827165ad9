from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from openpit.cli.exits import Exit, ExitError
from openpit.cli.formats import Format, flow_format, out_format

LOBSTER = "34200.004,1,16113575,18,5853300,1\n"


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("flow.jsonl", "", Format.JSONL),
        ("flow.NDJSON", "", Format.JSONL),
        ("flow.parquet", "", Format.PARQUET),
        ("flow.Arrow", "", Format.ARROW),
        ("flow.feather", "", Format.ARROW),
        ("flow.csv", LOBSTER, Format.LOBSTER),
        ("flow.csv", "", Format.LOBSTER),
        ("flow.csv", "order,event\n", Format.CSV),
        ("flow.csv", '\ufeff"event","foo"\r\n', Format.CSV),
        ("flow.csv", "x" * 100_000, Format.LOBSTER),
    ],
)
def test_a_flow_is_known_by_its_name_and_a_header(
    tmp_path: Path, name: str, content: str, found: Format
) -> None:
    (tmp_path / name).write_text(content)

    assert flow_format(tmp_path / name, None) is found
    assert flow_format(tmp_path / name, "lobster") is Format.LOBSTER


def test_a_stream_is_json_lines_unless_something_else_is_said() -> None:
    assert flow_format(Path("-"), None) is Format.JSONL
    assert flow_format(Path("-"), "csv") is Format.CSV


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_what_is_read_from_its_end_is_read_from_a_file(format_: str) -> None:
    with pytest.raises(click.UsageError, match=f"format {format_} can only be read from a file"):
        flow_format(Path("-"), format_)


def test_a_name_that_tells_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"not told by its name: give --format$"):
        flow_format(tmp_path / "flow", None)
    with pytest.raises(click.UsageError, match="unpack it first"):
        flow_format(tmp_path / "flow.csv.gz", None)


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "flow.csv").touch()
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(ExitError, match=r"cannot read .*flow.csv: Permission denied") as caught:
        flow_format(tmp_path / "flow.csv", None)
    assert caught.value.code is Exit.IO_FAILED


def test_a_pipe_is_not_looked_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "flow.csv")

    assert flow_format(tmp_path / "flow.csv", None) is Format.LOBSTER


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("-", Format.JSONL),
        ("decisions", Format.JSONL),
        ("decisions.txt", Format.JSONL),
        ("decisions.csv", Format.CSV),
        ("decisions.PARQUET", Format.PARQUET),
        ("decisions.feather", Format.ARROW),
    ],
)
def test_what_is_written_is_json_lines_unless_its_name_says_more(name: str, found: Format) -> None:
    assert out_format(Path(name)) is found
    assert out_format(None) is Format.JSONL
