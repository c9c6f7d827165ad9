"""Order flow in the message format of LOBSTER (NASDAQ limit order book data), read strictly.

Six columns without a header: seconds after midnight, type, order id, size in shares, price in US
dollars times 10,000, and the direction of the resting order (1 buys, -1 sells). Types: 1 a new
limit order, 2 a partial cancellation, 3 a deletion, 4 an execution of a visible order, 5 an
execution of a hidden one (it has no id), 6 a cross trade (an auction's), 7 a trading halt. The last
three concern no order of the flow.

The format knows no accounts: an order belongs to account ``order id modulo accounts``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openpit.cli.events import BadEventError, Cancel, Fill, Observation, OrderPlaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.events import Event

__all__ = ["CURRENCY", "reader", "symbol_of_name"]

CURRENCY = "USD"

OBSERVATIONS = {b"5": "hidden execution", b"6": "cross trade", b"7": "trading halt"}
"""Types of messages that concern no order of the flow, and what they are counted as."""

_COLUMNS = (
    ("time", re.compile(rb"(\d{1,9})(?:\.(\d{1,12}))?"), "seconds after midnight"),
    ("type", re.compile(rb"([1-7])"), "a whole number from 1 to 7"),
    ("order id", re.compile(rb"(-1|\d{1,18})"), "a whole number from 0"),
    ("size", re.compile(rb"(\d{1,12})"), "a whole number from 0"),
    ("price", re.compile(rb"(-?\d{1,15})"), "a whole number of 1/10000 dollars"),
    ("direction", re.compile(rb"(-?1|0)"), "1 or -1"),
)
_LINE = re.compile(b",".join(pattern.pattern for _, pattern, _ in _COLUMNS) + rb"\r?")

_NAME = re.compile(r"([A-Z][A-Z.]*)_\d{4}-\d\d-\d\d_")

_SIDES = {b"1": "BUY", b"-1": "SELL"}


def symbol_of_name(name: str) -> str | None:
    """Return the symbol that a file's name starts with, as in ``AAPL_2012-06-21_...csv``."""
    found = _NAME.match(name)
    return found[1] if found else None


def reader(*, symbol: str, accounts: int) -> Callable[[bytes], Event]:
    """Return what makes the event of a line; :class:`BadEventError` if it is none.

    Digits of the time beyond the nanosecond are dropped.
    """

    def event_of(line: bytes) -> Event:
        found = _LINE.fullmatch(line)
        if found is None:
            raise BadEventError(_what_is_wrong(line))
        seconds, fraction, kind, order_id, size, price, direction = found.groups()
        time = int(seconds) * 1_000_000_000
        if fraction is not None:
            time += int(fraction[:9].ljust(9, b"0"))
        key = int(order_id)
        if kind in OBSERVATIONS:
            return Observation(OBSERVATIONS[kind], time)
        if key < 0:
            raise BadEventError("order id must be a whole number from 0, not '-1'")
        if direction not in _SIDES:
            raise BadEventError("direction must be 1 or -1, not '0'")
        if kind == b"1":
            return OrderPlaced(
                key=key,
                account=key % accounts,
                symbol=symbol,
                currency=CURRENCY,
                side=_SIDES[direction],
                quantity=int(size),
                price=_dollars(int(price)),
                time=time,
            )
        if kind == b"4":
            return Fill(key, int(size), _dollars(int(price)), time=time)
        return Cancel(key, int(size) if kind == b"2" else None, time)

    return event_of


def _dollars(price: int) -> str:
    whole, part = divmod(abs(price), 10_000)
    return f"{'-' if price < 0 else ''}{whole}.{part:04d}"


def _what_is_wrong(line: bytes) -> str:
    values = line.removesuffix(b"\r").split(b",")
    if len(values) != len(_COLUMNS):
        return f"{len(_COLUMNS)} columns expected, {len(values)} found"
    for value, (name, pattern, meaning) in zip(values, _COLUMNS, strict=True):
        if not pattern.fullmatch(value):
            return f"{name} must be {meaning}, not {value[:40].decode(errors='replace')!r}"
    return "not a message"
