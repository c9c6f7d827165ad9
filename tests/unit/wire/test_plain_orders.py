"""Plain orders that fill a frame are checked by the table as they are read."""

from __future__ import annotations

from typing import Any

import pytest

from openpit.param import Side
from openpit.wire import kinds
from openpit.wire.frames import body_of, messages_of, pack_rows
from openpit.wire.plain_orders import PLAIN_ORDERS, plain_orders

ORDER = (kinds.EXECUTE, 2, "AAPL", "USD", "BUY", "10", None, "185.5")
COUNTED = (kinds.EXECUTE_COUNTED, *ORDER[1:], 7, 0)
COMMIT = (kinds.COMMIT, 2, 5)
SIDE = 4


def body(*rows: tuple[Any, ...]) -> bytes:
    return body_of([pack_rows(rows)], len(rows))


@pytest.mark.parametrize("count", [1, 2, 15, 16, 70_000])
@pytest.mark.parametrize("row", [ORDER, COUNTED, (1, *[None] * 7), (*COUNTED[:-2], 2**64 - 1, 0)])
def test_orders_of_one_kind_are_read_as_they_are(row: tuple[Any, ...], count: int) -> None:
    rows = body(*[row] * count)
    assert plain_orders(rows, count) == [row] * count == list(messages_of(rows))


@pytest.mark.parametrize(
    "rows",
    [(COMMIT,), (ORDER, COMMIT), (COMMIT, ORDER), (ORDER, COUNTED), [ORDER] * 20 + [COMMIT]],
)
def test_what_else_there_is_is_left(rows: Any) -> None:
    assert plain_orders(body(*rows), len(rows)) is None
    assert len(messages_of(body(*rows))) == len(rows)


@pytest.mark.parametrize("rows", [b"", b"\x91", b"\x91\x98\x01", b"\x91\x98\x02", b"\xc0\xc0\xc0"])
def test_what_is_no_body_is_left(rows: bytes) -> None:
    assert plain_orders(rows, 1) is None
    assert plain_orders(rows, 99) is None


def test_a_count_that_is_not_the_bodys_does_not_matter() -> None:
    assert plain_orders(body(*[ORDER] * 3), 2) == [ORDER] * 3
    assert plain_orders(body(*[ORDER] * 3), 20) is None


@pytest.mark.parametrize("place", range(len(COUNTED)))
@pytest.mark.parametrize("value", [True, 2.0, -1, b"2", "\x00", (), (2,), None])
def test_a_column_of_another_type_is_not_read(place: int, value: Any) -> None:
    row = (*COUNTED[:place], value, *COUNTED[place + 1 :])
    table = {kind: kinds.COMMANDS[kind] for kind in PLAIN_ORDERS}
    fits = kinds.conforms(row, table) and value != -1 and not (place == SIDE and value)
    assert plain_orders(body(row), 1) == ([row] if fits else None)


@pytest.mark.parametrize("side", [*Side, None])
def test_the_text_of_a_side_is_read_as_the_side(side: Side | None) -> None:
    row = (*ORDER[:SIDE], side, *ORDER[SIDE + 1 :])
    assert [order[SIDE] for order in plain_orders(body(row), 1) or ()] == [side]
    assert (plain_orders(body(row), 1) or [()])[0][SIDE] is side


@pytest.mark.parametrize("side", ["buy", "BUY ", "", "HOLD"])
def test_a_text_of_no_side_is_not_read(side: str) -> None:
    assert plain_orders(body((*ORDER[:SIDE], side, *ORDER[SIDE + 1 :])), 1) is None
