from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from openpit.cli.arrow_flows import ROWS, json_lines, rows_in
from openpit.cli.events import BadEventError
from openpit.cli.exits import Exit, ExitError
from openpit.cli.flows import event_of
from openpit.cli.formats import Format

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = [Format.PARQUET, Format.ARROW]


def written(folder: Path, format_: Format, columns: dict[str, Any]) -> Path:
    path = folder / f"flow.{format_}"
    table = pa.table(columns)
    if format_ is Format.PARQUET:
        parquet.write_table(table, path)
    else:
        with ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    return path


def lines_in(path: Path, format_: Format) -> list[str]:
    found = [line for block in json_lines(path, format_) for line in block]
    assert [number for number, _ in found] == [*range(1, len(found) + 1)]
    return [line.decode() for _, line in found if isinstance(line, bytes)]


def one_column(folder: Path, name: str, cells: Any) -> list[str]:
    """Return the lines of a flow of cancels with one more column."""
    count = len(cells)
    columns = {"event": ["cancel"] * count, "order": [7] * count, name: cells}
    lines = lines_in(written(folder, Format.PARQUET, columns), Format.PARQUET)
    assert all(line.startswith('{"event":"cancel","order":7') for line in lines)
    return [line.removeprefix('{"event":"cancel","order":7')[:-1] for line in lines]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_row_is_the_json_line_with_its_columns_as_keys(tmp_path: Path, format_: Format) -> None:
    columns = {
        "event": ["order", "fill"],
        "time": [1000, None],
        "order": [7, 7],
        "account": ["A1", None],
        "symbol": ["KO", None],
        "currency": ["USD", None],
        "side": ["BUY", None],
        "quantity": ["10", "4"],
        "price": pa.array([Decimal("185.50"), Decimal("185.45")], pa.decimal128(10, 2)),
        "fee": pa.nulls(2),
    }

    assert lines_in(written(tmp_path, format_, columns), format_) == [
        (
            '{"event":"order","time":1000,"order":7,"account":"A1","symbol":"KO",'
            '"currency":"USD","side":"BUY","quantity":"10","price":"185.50"}'
        ),
        '{"event":"fill","order":7,"quantity":"4","price":"185.45"}',
    ]


def test_columns_of_few_values_and_of_long_texts_are_text(tmp_path: Path) -> None:
    cells = pa.array(["BUY", None, "SELL"])
    shown = [',"side":"BUY"', "", ',"side":"SELL"']

    for type_ in (pa.large_string(), pa.string_view()):
        assert one_column(tmp_path, "side", cells.cast(type_)) == shown
    assert one_column(tmp_path, "side", cells.dictionary_encode()) == shown


def test_every_digit_of_a_decimal_is_kept(tmp_path: Path) -> None:
    wide = Decimal("1234567890123456789012345678.0123456789012345678901234567")
    tiny = Decimal("0.0000000000000000000000000001")

    cells = pa.array([wide, -tiny, None], pa.decimal256(56, 28))
    assert one_column(tmp_path, "quantity", cells) == [
        ',"quantity":"1234567890123456789012345678.0123456789012345678901234567"',
        ',"quantity":"-0.0000000000000000000000000001"',
        "",
    ]


def test_whole_numbers_have_any_size(tmp_path: Path) -> None:
    most = 2**64 - 1

    assert one_column(tmp_path, "account", pa.array([most], pa.uint64())) == [f',"account":{most}']
    assert one_column(tmp_path, "price", pa.array([-3], pa.int8())) == [',"price":-3']


def test_ids_that_pandas_has_made_floats_of_are_whole_still(tmp_path: Path) -> None:
    cells = pa.array([7.0, None, float("nan"), 2.0**53, 2.0**54, 7.5, float("inf")])
    shown = one_column(tmp_path, "account", cells)

    most = 9_007_199_254_740_992
    assert shown == [',"account":7', "", "", f',"account":{most}', *shown[4:]]
    order = '{"event":"order","order":7%s,"symbol":"KO","currency":"USD","side":"BUY","quantity":1}'
    for odd in shown[4:]:
        with pytest.raises(BadEventError):
            event_of((order % odd).encode())


def test_timestamps_are_nanoseconds(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 30, 9, 0, 0, 250, tzinfo=UTC)  # 250 microseconds
    nanoseconds = 1_796_029_200_000_250_000

    for type_ in (pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
        cells = pa.array([moment.replace(tzinfo=None), None], type_)
        assert one_column(tmp_path, "time", cells) == [f',"time":{nanoseconds}', ""]


def test_a_moment_that_nanoseconds_cannot_tell_ends_it(tmp_path: Path) -> None:
    far = pa.array([2**50], pa.timestamp("s"))

    with pytest.raises(ExitError, match="out of bounds") as caught:
        one_column(tmp_path, "time", far)
    assert caught.value.code is Exit.UNREADABLE


def test_text_that_is_none_is_an_error_of_its_row(tmp_path: Path) -> None:
    cells = pa.array([b"KO", b"\xff", None], pa.binary()).view(pa.string())
    columns = {"event": ["order"] * 3, "order": [1, 2, 3], "account": [1] * 3, "symbol": cells}
    columns |= {"currency": ["USD"] * 3, "side": ["BUY"] * 3, "quantity": [1] * 3}
    path = written(tmp_path, Format.ARROW, columns)

    fine, odd, missing = lines_in(path, Format.ARROW)

    assert event_of(fine.encode()).symbol == "KO"  # type: ignore[union-attr]  # an order
    with pytest.raises(BadEventError, match="symbol must be a text, not"):
        event_of(odd.encode())
    with pytest.raises(BadEventError, match="order has no symbol"):
        event_of(missing.encode())


@pytest.mark.parametrize("format_", FORMATS)
def test_rows_are_read_some_at_a_time(tmp_path: Path, format_: Format) -> None:
    count = 2 * ROWS + 5
    path = written(tmp_path, format_, {"event": ["cancel"] * count, "order": [*range(count)]})
    told: list[int] = []

    sizes = [len(block) for block in json_lines(path, format_, told.append)]

    assert sizes == told == [ROWS, ROWS, 5]
    assert rows_in(path, format_) == (count if format_ is Format.PARQUET else None)


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("price", pa.array([185.5]), "column price is double; amounts are text, whole numbers or"),
        ("account", pa.array([True]), "column account is bool; ids are whole numbers or text"),
        ("time", pa.array([1.0]), "column time is double; times are whole nanoseconds or"),
        ("symbol", pa.array([7]), "column symbol is int64; it has to be text"),
        ("side", pa.array([b"BUY"]), "column side is binary; it has to be text"),
        ("fee", pa.array([["1"]]), "column fee is list<"),
        ("what", pa.array([1]), "has unknown columns: what"),
    ],
)
def test_a_column_that_would_have_to_be_rounded_or_guessed_is_refused(
    tmp_path: Path, name: str, cells: Any, said: str
) -> None:
    path = written(tmp_path, Format.PARQUET, {"event": ["cancel"], "order": [7], name: cells})

    with pytest.raises(ExitError) as caught:
        lines_in(path, Format.PARQUET)
    assert caught.value.code is Exit.UNREADABLE
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_that_is_none_or_was_cut_is_told(tmp_path: Path, format_: Format) -> None:
    path = written(tmp_path, format_, {"event": ["cancel"], "order": [7]})
    whole = path.read_bytes()
    for content in (b"", b'{"event":"cancel","order":7}\n', whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ExitError, match="cannot read") as caught:
            lines_in(path, format_)
        assert caught.value.code is Exit.UNREADABLE

    path.unlink()
    with pytest.raises(ExitError, match="No such file") as caught:
        lines_in(path, format_)
    assert caught.value.code is Exit.IO_FAILED


def test_damage_within_a_file_is_told_where_it_is_read(tmp_path: Path) -> None:
    count = 3 * ROWS
    path = tmp_path / "flow.parquet"
    table = pa.table({"event": ["cancel"] * count, "order": [*range(count)]})
    parquet.write_table(table, path, row_group_size=ROWS, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(content)

    with pytest.raises(ExitError, match="cannot read"):
        lines_in(path, Format.PARQUET)
