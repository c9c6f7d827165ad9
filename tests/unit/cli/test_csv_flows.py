from __future__ import annotations

import io

import pytest

from openpit.cli.csv_flows import json_lines
from openpit.cli.events import BadEventError, BadLine, Fill, OrderPlaced
from openpit.cli.exits import Exit, ExitError
from openpit.cli.flows import event_of
from openpit.cli.lines import LINE_LIMIT, numbered_lines

HEADER = "event,order,account,symbol,currency,side,quantity,price,time\n"


def lines_of(text: str | bytes) -> list[tuple[int, bytes | BadLine]]:
    content = text if isinstance(text, bytes) else text.encode()
    blocks = json_lines("flow.csv", numbered_lines(io.BytesIO(content)))
    return [line for block in blocks for line in block]


def line_of(row: str, header: str = HEADER) -> str:
    ((_, line),) = lines_of(header + row)
    assert isinstance(line, bytes), line.reason
    return line.decode()


def reason_of(row: str | bytes) -> str:
    row = row if isinstance(row, bytes) else row.encode()
    ((number, line),) = lines_of(HEADER.encode() + row)
    assert isinstance(line, BadLine)
    assert (number, line.line) == (2, 2)
    return line.reason


def test_a_row_is_the_json_line_with_its_columns_as_keys() -> None:
    line = line_of("order,7,42,AAPL,USD,BUY,10,185.50,1000")

    assert line == (
        '{"event":"order","order":7,"account":42,"symbol":"AAPL","currency":"USD","side":"BUY",'
        '"quantity":"10","price":"185.50","time":1000}'
    )
    event = event_of(line.encode())
    assert isinstance(event, OrderPlaced)
    assert (event.key, event.account, event.price, event.time) == (7, 42, "185.50", 1000)


def test_columns_stand_in_any_order_and_a_cell_that_is_empty_is_not_there() -> None:
    line = line_of("4,,fill,7,185.45,\r\n", "quantity,fee,event,order,price,time\r\n")

    assert line == '{"quantity":"4","event":"fill","order":7,"price":"185.45"}'
    event = event_of(line.encode())
    assert isinstance(event, Fill)
    assert (event.fee, event.time) == (None, None)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("0", "0"),
        ("18446744073709551615", "18446744073709551615"),
        ("007", '"007"'),
        ("-7", "-7"),
        ("7.0", "7.0"),
        ("1e3", "1e3"),
        ("1.2.3", '"1.2.3"'),
        ("C7", '"C7"'),
        ("\u0667", '"\u0667"'),  # a digit, but none of JSON's
    ],
)
def test_an_id_is_a_number_if_it_is_written_as_one(cell: str, shown: str) -> None:
    assert line_of(f"{cell},cancel", "order,event\n") == f'{{"order":{shown},"event":"cancel"}}'


@pytest.mark.parametrize("cell", ["7.0", "-7", "1e3"])
def test_an_id_that_is_a_number_and_not_whole_is_no_name(cell: str) -> None:
    with pytest.raises(BadEventError, match="order must be a whole number from 0 or a text, not"):
        event_of(line_of(f"{cell},cancel", "order,event\n").encode())


def test_a_time_that_is_no_number_stays_what_it_is() -> None:
    assert line_of("1.7e18,cancel,7", "time,event,order\n").startswith('{"time":1.7e18,')
    assert line_of("noon,cancel,7", "time,event,order\n").startswith('{"time":"noon",')


def test_quotation_marks_are_those_of_csv() -> None:
    line = line_of('"order",7,42,"KO,""X""",USD,BUY,"10",1,')

    assert '"symbol":"KO,\\"X\\"","currency"' in line


def test_lines_keep_their_numbers() -> None:
    found = lines_of("\n" + "event,order\n" + "cancel,1\n\n" + "cancel,2")

    assert [number for number, _ in found] == [3, 5]


def test_many_blocks_have_one_header() -> None:
    rows = 60_000
    found = lines_of("event,order\n" + "cancel,123456\n" * rows)

    assert len(found) == rows
    assert {line for _, line in found} == {b'{"event":"cancel","order":123456}'}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("order,7", "9 columns expected, 2 found"),
        ("order,7,42,AAPL,USD,BUY,10,185.50,1000,", "9 columns expected, 10 found"),
        ('order,7,42,"AAPL,USD,BUY,10,185.50,1000', "not CSV: unexpected end of data"),
        ('order,7,42,"AAPL"x,USD,BUY,10,185.50,1000', "not CSV: ',' expected after '\"'"),
        (b"order,7,42,\xff,USD,BUY,10,185.50,1000", "not UTF-8 text"),
        ("x" * (LINE_LIMIT + 1), f"longer than {LINE_LIMIT} bytes"),
    ],
)
def test_what_is_no_row_is_told(row: str | bytes, reason: str) -> None:
    assert reason_of(row) == reason


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("event,order,foo,bar\n", "flow.csv has unknown columns: foo, bar"),
        ("event,order,price,price\n", "flow.csv has columns that come twice: price"),
        ("event,account\n", "flow.csv has no column order"),
        ("34200.1,1,7,18,5853300,1\n", "flow.csv has no column event, order"),
        ("x" * (LINE_LIMIT + 1) + "\n", "flow.csv has no column event, order"),
    ],
)
def test_a_header_that_is_none_ends_it(header: str, said: str) -> None:
    with pytest.raises(ExitError) as caught:
        lines_of(header + "order,7\n")

    assert caught.value.code is Exit.UNREADABLE
    assert str(caught.value) == said
