"""Order flows as JSON lines: one event per line, read strictly and written.

::

    {"event":"order","time":1000,"order":7,"account":42,"symbol":"AAPL","currency":"USD",
     "side":"BUY","quantity":"10","price":"185.50"}
    {"event":"fill","time":2000,"order":7,"quantity":"4","price":"185.45","fee":"0.02","pnl":"1.10"}
    {"event":"cancel","time":3000,"order":7}

(each on one line). ``time`` is whole nanoseconds and may be left out; ``order`` and ``account`` are
whole numbers or text; amounts are text or JSON numbers, with an exponent or without one, taken
digit by digit. An order has ``quantity`` or ``volume``; without ``price`` it is a market order.
``fee``, ``pnl`` and the ``quantity`` of a cancel are optional. A key that is not listed here, or
that comes twice, is an error.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import DecodeError
from msgspec.json import Decoder

from openpit.cli import strict
from openpit.cli.digits import FRACTION_DIGITS
from openpit.cli.events import Cancel, Fill, Observation, OrderPlaced
from openpit.cli.strict import ID_LIMIT, TEXT_LIMIT, TIME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.events import Event

__all__ = ["dump", "event_of"]

# --- reading -----------------------------------------------------------------------------------

_SIDES = frozenset(("BUY", "SELL"))

_NAMES = 4096
"""Names of symbols and currencies that are known to be ones; a flow has few of them."""

_decode = Decoder(OrderPlaced | Fill | Cancel, float_hook=str).decode

_has_colon_apart = re.compile(rb'"\s+:').search


def event_of(line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        BadEventError: it is none; the text is the reason.
    """
    # msgspec takes whatever Python's json does or less, but for a key that comes twice. What it
    # does not take, or what looks odd in what it made, is left to the slow reader.
    try:
        event: OrderPlaced | Fill | Cancel = _decode(line)
    except (DecodeError, RecursionError):
        return strict.event_of(line)
    key, time = event.key, event.time
    if (
        (0 <= key <= ID_LIMIT if type(key) is int else _is_short_text(key))
        and (time is None or 0 <= time <= TIME_LIMIT)
        and _LOOKS[type(event)](event, line, 2 if time is None else 3)
    ):
        return event
    return strict.event_of(line)


# Whether an amount is one without a closer look, a whole number or a short text, is asked in place:
# there are three in a line, and a call for each would cost more than all else here.


def _is_plain_order(event: OrderPlaced, line: bytes, keys: int) -> bool:
    account, size, price = event.account, event.quantity, event.price
    if size is None:
        size = event.volume
    elif event.volume is not None:
        return False
    if price is not None:
        if type(price) is not int and not (
            type(price) is str
            and len(price) <= FRACTION_DIGITS
            and "e" not in price
            and "E" not in price
        ):
            return False
        keys += 1
    return (
        (
            (len(size) <= FRACTION_DIGITS and "e" not in size and "E" not in size)
            if type(size) is str
            else type(size) is int
        )
        and (0 <= account <= ID_LIMIT if type(account) is int else _is_short_text(account))
        and event.side in _SIDES
        and _is_short_name(event.symbol)
        and _is_short_name(event.currency)
        and (line.count(b":") == keys + 5 or _has_keys(line, keys + 5))
    )


def _is_plain_fill(event: Fill, line: bytes, keys: int) -> bool:
    fee, pnl, quantity, price = event.fee, event.pnl, event.quantity, event.price
    if fee is not None:
        if not _is_plain(fee):
            return False
        keys += 1
    if pnl is not None:
        if not _is_plain(pnl):
            return False
        keys += 1
    return (
        (
            (len(quantity) <= FRACTION_DIGITS and "e" not in quantity and "E" not in quantity)
            if type(quantity) is str
            else type(quantity) is int
        )
        and (
            (len(price) <= FRACTION_DIGITS and "e" not in price and "E" not in price)
            if type(price) is str
            else type(price) is int
        )
        and (line.count(b":") == keys + 2 or _has_keys(line, keys + 2))
    )


def _is_plain_cancel(event: Cancel, line: bytes, keys: int) -> bool:
    if event.quantity is None:
        return _has_keys(line, keys)
    return _is_plain(event.quantity) and _has_keys(line, keys + 1)


_LOOKS: dict[type, Callable[..., bool]] = {
    OrderPlaced: _is_plain_order,
    Fill: _is_plain_fill,
    Cancel: _is_plain_cancel,
}


def _is_plain(value: object) -> bool:
    """Tell whether an amount is one without a closer look: a whole number, or a short text."""
    if type(value) is str:
        return len(value) <= FRACTION_DIGITS and "e" not in value and "E" not in value
    return type(value) is int


def _is_short_text(value: Any) -> bool:
    """Tell whether a text is a name whose bytes have not even to be counted."""
    return (
        value != "" and len(value) * 4 <= TEXT_LIMIT and value.isprintable() and not value.isspace()
    )


_is_short_name = lru_cache(_NAMES)(_is_short_text)


def _has_keys(line: bytes, count: int) -> bool:
    """Tell whether a line has so many keys, by its colons; it says no where that is not sure."""
    # A text may have colons, too. Then those count that come right behind a quotation mark: if no
    # key has a space behind it, there are as many keys, unless a text ends in an escaped mark.
    return line.count(b":") == count or (
        line.count(b'":') == count and _has_colon_apart(line) is None
    )


# --- writing -----------------------------------------------------------------------------------

# f-strings are several times faster than a general encoder, and only text needs its quoting.
_quoted = json.JSONEncoder().encode


def dump(event: Event) -> str:
    """Return the event as one line of JSON, its end included; :func:`event_of` gives it back."""
    return _DUMPS[event.__class__](event)


def _dump_order(event: OrderPlaced) -> str:
    size = (
        f'"quantity":{_quoted(event.quantity)}'
        if event.volume is None
        else f'"volume":{_quoted(event.volume)}'
    )
    price = "" if event.price is None else f',"price":{_quoted(event.price)}'
    return (
        f'{{"event":"order"{_dump_time(event.time)},"order":{_quoted(event.key)},'
        f'"account":{_quoted(event.account)},"symbol":{_quoted(event.symbol)},'
        f'"currency":{_quoted(event.currency)},"side":"{event.side}",{size}{price}}}\n'
    )


def _dump_fill(event: Fill) -> str:
    fee = "" if event.fee is None else f',"fee":{_quoted(event.fee)}'
    pnl = "" if event.pnl is None else f',"pnl":{_quoted(event.pnl)}'
    return (
        f'{{"event":"fill"{_dump_time(event.time)},"order":{_quoted(event.key)},'
        f'"quantity":{_quoted(event.quantity)},"price":{_quoted(event.price)}{fee}{pnl}}}\n'
    )


def _dump_cancel(event: Cancel) -> str:
    quantity = "" if event.quantity is None else f',"quantity":{_quoted(event.quantity)}'
    return f'{{"event":"cancel"{_dump_time(event.time)},"order":{_quoted(event.key)}{quantity}}}\n'


def _dump_time(time: int | None) -> str:
    return "" if time is None else f',"time":{time}'


def _dump_observation(event: Observation) -> NoReturn:
    raise TypeError(f"a flow of JSON lines has no event for {event.kind!r}")


_DUMPS: dict[type, Callable[..., str]] = {
    OrderPlaced: _dump_order,
    Fill: _dump_fill,
    Cancel: _dump_cancel,
    Observation: _dump_observation,
}
