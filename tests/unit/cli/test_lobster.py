from __future__ import annotations

import pytest

from openpit.cli import lobster
from openpit.cli.events import BadEventError, Cancel, Event, Fill, Observation, OrderPlaced


def read_one(line: bytes, accounts: int = 10) -> Event:
    return lobster.reader(symbol="AAPL", accounts=accounts)(line)


def reason(line: bytes) -> str:
    with pytest.raises(BadEventError) as caught:
        read_one(line)
    return str(caught.value)


def test_a_new_order_belongs_to_its_id_modulo_the_accounts() -> None:
    event = read_one(b"34200.004241176,1,16113575,18,5853300,1")

    assert isinstance(event, OrderPlaced)
    assert event.time == 34_200_004_241_176
    assert (event.key, event.account) == (16113575, 5)
    assert (event.symbol, event.currency, event.side) == ("AAPL", "USD", "BUY")
    assert (event.quantity, event.volume, event.price) == (18, None, "585.3300")


def test_a_resting_sell_order() -> None:
    event = read_one(b"34200,1,12,100,9,-1\r")

    assert isinstance(event, OrderPlaced)
    assert (event.time, event.side, event.price) == (34_200_000_000_000, "SELL", "0.0009")


def test_a_partial_cancellation_a_deletion_and_an_execution() -> None:
    part = read_one(b"34200.5,2,12,30,5853300,1")
    rest = read_one(b"34200.5,3,12,70,5853300,1")
    fill = read_one(b"34200.5,4,12,70,5853300,1")

    assert isinstance(part, Cancel)
    assert isinstance(rest, Cancel)
    assert isinstance(fill, Fill)
    assert (part.key, part.quantity, part.time) == (12, 30, 34_200_500_000_000)
    assert (rest.key, rest.quantity) == (12, None)
    assert (fill.key, fill.quantity, fill.price) == (12, 70, "585.3300")


def test_what_concerns_no_order_is_an_observation() -> None:
    hidden = read_one(b"34200.5,5,0,70,5853300,1")
    halt = read_one(b"34200.5,7,0,0,-1,-1")
    cross = read_one(b"34200.5,6,-1,1500,5859100,-1")

    assert isinstance(hidden, Observation)
    assert isinstance(halt, Observation)
    assert isinstance(cross, Observation)
    assert (hidden.kind, halt.kind, cross.kind) == (
        "hidden execution",
        "trading halt",
        "cross trade",
    )


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4"])
def test_an_order_has_an_id(kind: bytes) -> None:
    line = b"34200.5," + kind + b",-1,70,5853300,1"

    assert reason(line) == "order id must be a whole number from 0, not '-1'"


def test_digits_beyond_the_nanosecond_are_dropped() -> None:
    event = read_one(b"34200.123456789987,3,12,70,5853300,1")

    assert isinstance(event, Cancel)
    assert event.time == 34_200_123_456_789


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"34200.5,1,12,70,5853300", "6 columns expected, 5 found"),
        (b"34200.5,1,12,70,5853300,1,1", "6 columns expected, 7 found"),
        (b"-1,1,12,70,5853300,1", "time must be seconds after midnight, not '-1'"),
        (b"34200.5,8,12,70,5853300,1", "type must be a whole number from 1 to 7, not '8'"),
        (b"34200.5,1,-12,70,5853300,1", "order id must be a whole number from 0, not '-12'"),
        (b"34200.5,1,12, 70,5853300,1", "size must be a whole number from 0, not ' 70'"),
        (
            b"34200.5,1,12,70,585.33,1",
            "price must be a whole number of 1/10000 dollars, not '585.33'",
        ),
        (b"34200.5,1,12,70,5853300,2", "direction must be 1 or -1, not '2'"),
        (b"34200.5,1,12,70,5853300,0", "direction must be 1 or -1, not '0'"),
        (
            b"34200.5,1,12,70,58533\xff0,1",
            "price must be a whole number of 1/10000 dollars, not '58533\ufffd0'",
        ),
    ],
)
def test_a_line_that_is_wrong_tells_its_column(line: bytes, expected: str) -> None:
    assert reason(line) == expected


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAPL_2012-06-21_message_sample.csv", "AAPL"),
        ("BRK.B_2012-06-21_34200000_57600000_message_10.csv", "BRK.B"),
        ("messages.csv", None),
        ("aapl_message.csv", None),
    ],
)
def test_the_symbol_that_a_name_tells(name: str, symbol: str | None) -> None:
    assert lobster.symbol_of_name(name) == symbol
