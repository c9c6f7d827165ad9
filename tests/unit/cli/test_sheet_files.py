"""Files of rows that are given JSON lines: what stands in them, and what becomes of a part."""

from __future__ import annotations

import builtins
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from openpit.cli import sheet_files
from openpit.cli.arrow_flows import json_lines
from openpit.cli.columns import DECISION, EVENT
from openpit.cli.decisions import accepted_line, rejected_line
from openpit.cli.exits import Exit, ExitError
from openpit.cli.files import PART, OutFile
from openpit.cli.flows import dump, event_of
from openpit.cli.formats import Format
from openpit.cli.generate import generate
from openpit.cli.sheet_files import check_format, opened_lines
from openpit.cli.streams import StdoutFile
from openpit.pretrade.rejects import new_reject

REJECT = new_reject(
    "RateLimitExceeded", 'too "fast", é', "101, max 100", "RateLimitPolicy", "order"
)
LINES = [accepted_line(7, "42"), rejected_line(8, "42", [REJECT, REJECT])]


def write(path: Path, *lines: str, is_part_kept: bool = False, ends: bool = True) -> None:
    """Write lines to a file of decisions, to its end or up to an interrupt."""
    with opened_lines(path, DECISION, is_part_kept=is_part_kept) as file:
        for line in lines:
            file.write(line)
        if not ends:
            raise KeyboardInterrupt
        file.finish()


def rows_of(path: Path) -> list[dict[str, Any]]:
    table = ipc.open_file(path).read_all() if path.suffix == ".arrow" else parquet.read_table(path)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_decisions_as_csv(tmp_path: Path) -> None:
    write(tmp_path / "d.csv", *LINES)

    one = (
        '{""code"":""RateLimitExceeded"",""reason"":""too \\""fast\\"", \\u00e9"",'
        '""details"":""101, max 100"",""policy"":""RateLimitPolicy"",""scope"":""order""}'
    )
    assert (tmp_path / "d.csv").read_text() == (
        f'order,account,accepted,rejects\n7,42,true,[]\n8,42,false,"[{one},{one}]"\n'
    )


@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_decisions_as_rows_with_types(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"d.{end}"
    with opened_lines(path, DECISION) as file:
        file.write("".join(LINES).encode())
        file.finish()

    assert rows_of(path) == [json.loads(line) for line in LINES]


@pytest.mark.parametrize("end", ["csv", "parquet", "arrow"])
def test_a_file_of_no_rows_has_its_columns(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"f.{end}"
    with opened_lines(path, EVENT) as file:
        file.finish()

    if end == "csv":
        assert path.read_text().splitlines() == [",".join(EVENT)]
    else:
        assert rows_of(path) == []
        assert [*json_lines(path, Format(end))] == []


def test_a_flow_comes_back_from_rows_as_it_went_there(tmp_path: Path) -> None:
    events = [*generate(orders=300, accounts=20, seed=3)]
    for end in ("parquet", "arrow"):
        path = tmp_path / f"f.{end}"
        with opened_lines(path, EVENT) as file:
            for event in events:
                file.write(dump(event))
            file.finish()
        lines = [line for block in json_lines(path, Format(end)) for _, line in block]
        assert [event_of(line) for line in lines if isinstance(line, bytes)] == events


def test_amounts_are_text_with_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    wide = "12345678901234567890123456789.0123456789012345678901234567"
    with opened_lines(path, EVENT) as file:
        file.write(f'{{"event":"cancel","order":7,"quantity":"{wide}"}}\n')
        file.finish()

    (row,) = rows_of(path)
    assert row["quantity"] == wide
    assert Decimal(row["quantity"]).as_tuple().digits == Decimal(wide).as_tuple().digits


# --- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "type_"),
    [(7, pa.int64()), (2**63 - 1, pa.int64()), (2**63, pa.uint64()), ("C7", pa.string())],
)
def test_ids_have_the_type_of_the_first_ones(tmp_path: Path, first: int | str, type_: Any) -> None:
    path = tmp_path / "d.parquet"
    write(path, accepted_line(first, "1"))

    assert parquet.read_schema(path).field("order").type == type_
    assert rows_of(path)[0]["order"] == first


@pytest.mark.parametrize(
    ("first", "odd", "said"),
    [
        (7, "C7", "order 'C7' among whole numbers (int64)"),
        (7, 2**63, "order 9223372036854775808 among whole numbers (int64)"),
        ("C7", 7, "order 7 among texts"),
    ],
)
def test_ids_of_two_kinds_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int | str, odd: int | str, said: str
) -> None:
    monkeypatch.setattr(sheet_files, "ROWS", 1)
    path = tmp_path / "d.parquet"
    with pytest.raises(ExitError) as caught:
        write(path, accepted_line(first, "1"), accepted_line(odd, "1"))

    assert caught.value.code is Exit.IO_FAILED
    assert str(caught.value) == (
        f"cannot write {path}: {said}: a column has one type; JSON lines have any"
    )
    assert [*tmp_path.iterdir()] == []


def test_ids_of_two_kinds_in_the_first_rows_are_told(tmp_path: Path) -> None:
    with pytest.raises(ExitError, match="order 7 among texts"):
        write(tmp_path / "d.arrow", accepted_line(7, "1") + accepted_line("C7", "1"))


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("end", ["csv", "parquet", "arrow"])
def test_a_part_that_is_kept_is_whole_for_its_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, rows: int
) -> None:
    monkeypatch.setattr(sheet_files, "ROWS", rows)
    path = tmp_path / f"d.{end}"
    with pytest.raises(KeyboardInterrupt):
        write(path, *LINES, is_part_kept=True, ends=False)

    part = Path(f"{path}{PART}")
    assert [*tmp_path.iterdir()] == [part]
    if end == "csv":
        assert [line[:5] for line in part.read_text().splitlines()] == ["order", "7,42,", "8,42,"]
    else:
        part.rename(path)
        assert [row["order"] for row in rows_of(path)] == [7, 8]


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_a_part_that_is_not_kept_or_has_nothing_is_gone(tmp_path: Path, end: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / f"f.{end}", *LINES, ends=False)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / f"g.{end}", is_part_kept=True, ends=False)

    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("end", ["csv", "parquet", "arrow"])
def test_a_full_disk_is_told(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"d.{end}"
    path.symlink_to("/dev/full")
    with pytest.raises(ExitError, match=r"cannot write .*: No space left on device") as caught:
        write(path, "".join(LINES) * 20_000, is_part_kept=True)
    assert caught.value.code is Exit.IO_FAILED


def test_a_name_of_no_rows_is_json_lines(tmp_path: Path) -> None:
    with opened_lines(tmp_path / "d.jsonl", DECISION) as file:
        assert isinstance(file, OutFile)
    with opened_lines(Path("-"), DECISION) as file:
        assert isinstance(file, StdoutFile)


@pytest.mark.parametrize("module", ["arrow_rows", "arrow_flows"])
def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, f"openpit.cli.{module}", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ExitError) as caught:
        sheet_files.loaded(f"openpit.cli.{module}")
    assert caught.value.code is Exit.NOT_FOUND
    assert str(caught.value) == (
        "pyarrow is not installed: reading and writing Parquet and Arrow is an extra of "
        "openpit-sharded, [arrow]; in a clone, pip install '.[arrow]' or make dev"
    )
    check_format(Path("d.csv"))  # needs none
    check_format(None)
