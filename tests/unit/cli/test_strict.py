"""The quick reader and the strict one agree about every line, whatever is in it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from openpit.cli import flows, strict
from openpit.cli.events import BadEventError
from openpit.cli.strict import ID_LIMIT, TEXT_LIMIT, TIME_LIMIT

ORDER = {
    "event": '"order"',
    "time": "5",
    "order": "7",
    "account": "42",
    "symbol": '"AAPL"',
    "currency": '"USD"',
    "side": '"BUY"',
    "quantity": '"10"',
    "price": '"1.50"',
}
FILL = {"event": '"fill"', "order": "7", "quantity": "4", "price": '"1"', "fee": '"1"'}
CANCEL = {"event": '"cancel"', "order": "7", "quantity": '"1"'}

VALUES = [
    *("0", "-0", "-1", "1.0", "1e3", "1.50", "9e-5", "01", "1.", "NaN", "Infinity", "null", "true"),
    *(str(ID_LIMIT), str(ID_LIMIT + 1), str(TIME_LIMIT), str(TIME_LIMIT + 1), "9" * 5_000),
    *("[1]", '{"a":1.5}', '""', '" "', '"x"', '"1e1"', '"' + "1" * 29 + '"', '"' + "1" * 30 + '"'),
    *('"a:b"', r'"a\":b"', r'"a\"b"', r'"\u0041"', r'"\ud800"', r'"\ud83d\ude00"', r'"\u0000"'),
    *('"é"', '"a\tb"', '"\x7f"', '"\u00a0"', '"\u200b"', '" 5 "', '"BUY"', '"SELL"', '"buy"'),
    *('"order"', '"cancel"', f'"{"x" * TEXT_LIMIT}"', f'"{"x" * (TEXT_LIMIT + 1)}"'),
    f'"{"x" * (TEXT_LIMIT // 4)}"',
    f'"{"é" * (TEXT_LIMIT // 2 + 1)}"',
]


def answer(reader: Any, line: bytes) -> object:
    """What a reader makes of a line; types beside values, for 1 is no text and True no number."""
    try:
        event = reader(line)
    except BadEventError as error:
        return str(error)
    values = [getattr(event, name) for name in event.__struct_fields__]
    return type(event), values, [type(value) for value in values]


def line_of(pairs: list[tuple[str, str]], colons: list[str], comma: str = ",") -> bytes:
    fields = (f'"{key}"{colon}{value}' for (key, value), colon in zip(pairs, colons, strict=True))
    return ("{" + comma.join(fields) + "}").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("event", [ORDER, FILL, CANCEL], ids=["order", "fill", "cancel"])
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_each_value_in_each_place(event: dict[str, str], value: str) -> None:
    for key in event:
        line = line_of(list((event | {key: value}).items()), [":"] * len(event))

        assert answer(flows.event_of, line) == answer(strict.event_of, line), line


@pytest.mark.parametrize("seed", range(20))
def test_random_lines(seed: int) -> None:
    draw = random.Random(seed)
    told = 0
    for _ in range(200):
        pairs = list(draw.choice([ORDER, FILL, CANCEL]).items())
        for _ in range(draw.choice([0, 1, 1, 2])):
            place = draw.randrange(len(pairs))
            what = draw.randrange(5)
            if what == 0:
                pairs[place] = (pairs[place][0], draw.choice(VALUES))
            elif what == 1:  # a key that comes twice
                pairs.insert(place, (draw.choice(pairs)[0], draw.choice(VALUES)))
            elif what == 2:
                pairs.insert(place, (draw.choice(["volume", "line", "key", ""]), '"5"'))
            elif what == 3 and len(pairs) > 1:
                del pairs[place]
            else:
                draw.shuffle(pairs)
        colons = [draw.choice([":", ":", ": ", " :", "\t:"]) for _ in pairs]
        line = line_of(pairs, colons, draw.choice([",", ", "]))
        if draw.random() < 0.2:
            place = draw.randrange(len(line))
            line = line[:place] + bytes([draw.randrange(256)]) + line[place + 1 :]

        found = answer(flows.event_of, line)

        assert found == answer(strict.event_of, line), line
        told += isinstance(found, str)
    assert 20 < told < 190


def test_a_key_that_comes_twice_is_found_whatever_else_has_colons() -> None:
    twice = b'{"event":"cancel","order" :1,"order" :2,"quantity":"1"}'
    hidden = b'{"event":"cancel","order":"a:b","order" :"c"}'

    assert answer(flows.event_of, twice) == "keys that come twice: order"
    assert answer(flows.event_of, hidden) == "keys that come twice: order"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"event": "cancel", "order": 1}),
        '{"event":"cancel","order":"desk:1","quantity":"1"}',
        '{"event": "cancel", "order": "desk:1"}',
        '{"event":"cancel","order":1,"quantity":1.50}',
    ],
)
def test_usual_lines_need_no_closer_look(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "event_of", None)

    assert type(flows.event_of(line.encode())).__name__ == "Cancel"
