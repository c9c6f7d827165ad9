from __future__ import annotations

import json

import pytest

from openpit.cli import flows
from openpit.cli.events import BadEventError, Cancel, Event, Fill, Observation, OrderPlaced
from openpit.cli.strict import TIME_LIMIT
from openpit.param import AccountId

ORDER = {
    "event": "order",
    "time": 1000,
    "order": 7,
    "account": 42,
    "symbol": "AAPL",
    "currency": "USD",
    "side": "BUY",
    "quantity": "10",
    "price": "185.50",
}
FILL = {"event": "fill", "time": 2000, "order": 7, "quantity": "4", "price": "185.45"}
CANCEL = {"event": "cancel", "order": 7}


def read_one(line: bytes | str) -> Event:
    return flows.event_of(line.encode() if isinstance(line, str) else line)


def values(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in type(event).__struct_fields__}  # type: ignore[attr-defined]


def reason(line: bytes | str) -> str:
    with pytest.raises(BadEventError) as caught:
        read_one(line)
    return str(caught.value)


def test_an_order() -> None:
    event = read_one(json.dumps(ORDER))

    assert isinstance(event, OrderPlaced)
    assert values(event) == {
        "time": 1000,
        "key": 7,
        "account": 42,
        "symbol": "AAPL",
        "currency": "USD",
        "side": "BUY",
        "quantity": "10",
        "volume": None,
        "price": "185.50",
    }


def test_a_market_order_by_volume_of_an_account_with_a_name_at_no_time() -> None:
    event = read_one(
        '{"event":"order","order":"A-1","account":"desk 7","symbol":"KO","currency":"USD",'
        '"side":"SELL","volume":1500.50}'
    )

    assert isinstance(event, OrderPlaced)
    assert (event.time, event.key, event.account) == (None, "A-1", "desk 7")
    assert (event.quantity, event.volume, event.price) == (None, "1500.50", None)


def test_a_fill_with_fee_and_profit() -> None:
    event = read_one(json.dumps(FILL | {"fee": "0.02", "pnl": -1}))

    assert isinstance(event, Fill)
    assert values(event) == {
        "time": 2000,
        "key": 7,
        "quantity": "4",
        "price": "185.45",
        "fee": "0.02",
        "pnl": -1,
    }


def test_a_cancel_of_all_and_of_a_part() -> None:
    whole, part = read_one(json.dumps(CANCEL)), read_one(json.dumps(CANCEL | {"quantity": 3}))

    assert isinstance(whole, Cancel)
    assert isinstance(part, Cancel)
    assert (whole.key, whole.quantity) == (7, None)
    assert (part.key, part.quantity) == (7, 3)


def test_a_number_with_a_point_keeps_every_digit() -> None:
    event = read_one('{"event":"fill","order":1,"quantity":1,"price":0.1234567890123456789}')

    assert isinstance(event, Fill)
    assert event.price == "0.1234567890123456789"


def test_numbers_as_other_programs_write_them() -> None:
    order = json.dumps(ORDER | {"quantity": 9e-05, "price": 1e16, "time": 1.7e18})
    assert '"quantity": 9e-05, "price": 1e+16' in order
    fill = json.dumps(FILL | {"quantity": "1E-8", "price": 100.0, "fee": -0.0, "pnl": "-2e1"})

    placed, filled = read_one(order), read_one(fill)

    assert isinstance(placed, OrderPlaced)
    assert isinstance(filled, Fill)
    assert (placed.quantity, placed.price) == ("0.00009", "10000000000000000")
    assert placed.time == 1_700_000_000_000_000_000
    assert (filled.quantity, filled.price, filled.fee, filled.pnl) == (
        "0.00000001",
        "100.0",
        "-0.0",
        "-20",
    )


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["quantity", "price", "time", "account"])
def test_what_json_has_no_number_for(name: str, constant: str) -> None:
    line = json.dumps(ORDER | {name: float(constant)})

    assert reason(line) == f"not JSON: {constant} is not a number"


@pytest.mark.parametrize("written", ["1e400", "1e-400", "7" * 40 + ".5", "0." + "7" * 9_000])
def test_a_number_that_could_only_be_rounded(written: str) -> None:
    line = json.dumps(ORDER).replace('"185.50"', written)

    shown = written if len(written) <= 40 else written[:37] + "..."
    assert reason(line) == (
        f"price has more than 29 digits before the point or 28 after it: {shown}"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"nonsense", "not JSON: Expecting value at column 1"),
        (b'{"event":"cancel","order":7', "not JSON: Expecting ',' delimiter at column 28"),
        (b'{"event":"cancel","order":7} {}', "not JSON: more text after the event, at column 29"),
        (b'{"event":"cancel","order":NaN}', "not JSON: NaN is not a number"),
        (b'{"event":"cancel","order":"\xff"}', "not UTF-8 text"),
        (b"[" * 60_000, "not JSON: nested too deeply"),
        (b"[1]", "not a JSON object"),
        (b"{}", "event must be order, fill or cancel, not None"),
        (b'{"event":["order"]}', "event must be order, fill or cancel, not ['order']"),
        (b'{"event":"trade"}', "event must be order, fill or cancel, not 'trade'"),
    ],
)
def test_a_line_that_is_no_event(line: bytes, expected: str) -> None:
    assert reason(line) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"qty": 1, "Price": 2}, "order has unknown keys: Price, qty"),
        ({"fee": "1"}, "order has unknown keys: fee"),
        ({"quantity": None}, "order must have either quantity or volume"),
        ({"volume": "100"}, "order must have either quantity or volume"),
        ({"side": "buy"}, "side must be BUY or SELL, not 'buy'"),
        ({"side": None}, "side must be BUY or SELL, not None"),
        ({"time": -1}, f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not -1"),
        ({"time": 1.5}, f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not 1.5"),
        (
            {"time": 1e300},
            f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not 1e+300",
        ),
        ({"time": True}, f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not True"),
        (
            {"time": 1 << 63},
            f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not 9223372036854775808",
        ),
        ({"order": True}, "order must be a whole number from 0 or a text, not True"),
        ({"order": " "}, "order must be a whole number from 0 or a text, not ' '"),
        ({"account": -5}, "account must be a whole number from 0 or a text, not -5"),
        (
            {"account": 1 << 64},
            "account must be at most 18446744073709551615, not 18446744073709551616",
        ),
        ({"account": 1.5}, "account must be a whole number from 0 or a text, not 1.5"),
        ({"order": 1e3}, "order must be a whole number from 0 or a text, not 1000.0"),
        ({"symbol": 1.5}, "symbol must be a text, not 1.5"),
        ({"symbol": 5}, "symbol must be a text, not 5"),
        ({"symbol": ""}, "symbol must be a text, not ''"),
        ({"currency": "US\nD"}, "currency must be a text, not 'US\\nD'"),
        ({"currency": "\ud800"}, "currency must be a text, not '\\ud800'"),
        ({"quantity": [1]}, "quantity must be a number or text, not [1]"),
        ({"quantity": False}, "quantity must be a number or text, not False"),
        ({"price": {}}, "price must be a number or text, not {}"),
    ],
)
def test_an_order_that_is_wrong(change: dict[str, object], expected: str) -> None:
    assert reason(json.dumps(ORDER | change)) == expected


@pytest.mark.parametrize("key", ["order", "account", "symbol", "currency", "side"])
def test_an_order_that_lacks_a_key(key: str) -> None:
    fields = {name: value for name, value in ORDER.items() if name != key}

    assert reason(json.dumps(fields)) == f"order has no {key}"


@pytest.mark.parametrize("name", ["order", "account", "symbol", "currency"])
@pytest.mark.parametrize("letter", ["x", "\N{LATIN SMALL LETTER U WITH DIAERESIS}", "\N{YEN SIGN}"])
def test_a_text_has_256_bytes_at_most(name: str, letter: str) -> None:
    size = len(letter.encode())
    longest = letter * (256 // size)

    at_the_limit = read_one(json.dumps(ORDER | {name: longest}))

    assert isinstance(at_the_limit, OrderPlaced)
    assert longest in values(at_the_limit).values()
    assert reason(json.dumps(ORDER | {name: longest + "x"})) == (
        f"{name} is longer than 256 bytes: '" + letter * 36 + "..."
    )


def test_the_limit_of_texts_is_the_flows_and_not_the_engines() -> None:
    # The reference takes any length, too.
    assert AccountId.from_string("x" * 257).value == 11239811689389282055


def test_a_key_that_comes_twice_leaves_open_which_is_meant() -> None:
    line = json.dumps(ORDER)
    twice = '{"account":6,"price":"1","price":"2",' + line[1:]

    assert reason(twice) == "keys that come twice: account, price"
    assert isinstance(read_one(line.replace('"AAPL"', '"AAPL:X"')), OrderPlaced)


def test_a_number_of_more_digits_than_are_read() -> None:
    line = json.dumps(FILL).replace('"quantity": "4"', '"quantity": ' + "9" * 5_000)

    assert reason(line) == "a whole number has too many digits"


def test_a_fill_needs_order_quantity_and_price() -> None:
    assert reason('{"event":"fill","order":1}') == "fill has no price, quantity"
    assert (
        reason(json.dumps(FILL | {"quantity": None}))
        == "quantity must be a number or text, not None"
    )


@pytest.mark.parametrize(
    "event",
    [
        OrderPlaced(1, 2, "AAPL", "USD", "BUY", "10", None, "1.50", 5),
        OrderPlaced('a"b\\', "désk", "AAPL", "USD", "SELL", None, 7),
        Fill(1, "10", "1.50", "0.01", "-3", 5),
        Fill("x", 3, 4),
        Cancel(1, time=5),
        Cancel("x", "2.5"),
    ],
)
def test_what_is_written_reads_back(event: Event) -> None:
    line = flows.dump(event)

    assert line.endswith("}\n")
    back = flows.event_of(line.encode())
    assert type(back) is type(event)
    assert values(back) == values(event)


def test_the_written_form() -> None:
    assert flows.dump(OrderPlaced(1, 2, "AAPL", "USD", "BUY", "10", None, "1.50", 5)) == (
        '{"event":"order","time":5,"order":1,"account":2,"symbol":"AAPL","currency":"USD",'
        '"side":"BUY","quantity":"10","price":"1.50"}\n'
    )


def test_an_observation_has_no_written_form() -> None:
    with pytest.raises(TypeError, match="a flow of JSON lines has no event for 'trading halt'"):
        flows.dump(Observation("trading halt", 5))
