"""Order flows as JSON lines: one event per line, read strictly.

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
from typing import TYPE_CHECKING, NoReturn

from openpit.cli.digits import FRACTION_DIGITS, WHOLE_DIGITS, plain, whole
from openpit.cli.events import BadLine, Cancel, Fill, Observation, OrderPlaced
from openpit.wire.limits import ACCOUNT_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from openpit.cli.events import Event, Number

__all__ = ["ID_LIMIT", "TEXT_LIMIT", "TIME_LIMIT", "dump", "is_text", "read"]

ID_LIMIT = (1 << 64) - 1
"""Largest numeric account or order id: that of an account in the engine."""

TIME_LIMIT = (1 << 63) - 1
"""Largest time, in nanoseconds: what fits a signed 64-bit field."""

TEXT_LIMIT = ACCOUNT_TEXT_BYTES
"""UTF-8 bytes of a text: what holds for accounts is enough for order ids and assets, too."""

SHOWN = 40
"""Characters of a wrong value that a reason quotes."""


class _WrongEventError(Exception):
    """What is wrong with the line, as its text."""


def read(lines: Iterable[tuple[int, bytes | BadLine]]) -> Iterator[Event | BadLine]:
    """Turn numbered lines into events; a line that is none comes as a :class:`BadLine`."""
    for number, line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        try:
            yield _event(number, line)
        except _WrongEventError as wrong:
            yield BadLine(number, str(wrong))


def is_text(value: str) -> bool:
    """Tell whether a flow may have this as the name of something."""
    return value.isprintable() and value.strip() != "" and len(value.encode()) <= TEXT_LIMIT


def dump(event: Event) -> str:
    """Return the event as one line of JSON, its end included; :func:`read` gives it back."""
    return _DUMPS[event.__class__](event)


# --- reading -----------------------------------------------------------------------------------


class _Fraction(str):
    """A number with a point or an exponent: its text, so that no digit passes through a float."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise _WrongEventError(f"not JSON: {name} is not a number")


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twins = {key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position])}
        raise _WrongEventError(f"keys that come twice: {_listed(twins)}")
    return fields


_decode = json.JSONDecoder(parse_float=_Fraction, parse_constant=_no_constant).raw_decode
_decode_strictly = json.JSONDecoder(object_pairs_hook=_without_twins).raw_decode


def _event(number: int, line: bytes) -> Event:
    try:
        text = line.decode().strip()
        fields, end = _decode(text)
    except json.JSONDecodeError as error:
        raise _WrongEventError(f"not JSON: {error.msg} at column {error.colno}") from None
    except UnicodeDecodeError:
        raise _WrongEventError("not UTF-8 text") from None
    except ValueError:
        raise _WrongEventError("a whole number has too many digits") from None
    except RecursionError:
        raise _WrongEventError("not JSON: nested too deeply") from None
    if end != len(text):
        raise _WrongEventError(f"not JSON: more text after the event, at column {end + 1}")
    if type(fields) is not dict:
        raise _WrongEventError("not a JSON object")
    # A key that came twice leaves a colon more than there are keys; so does one within a text.
    if text.count(":") != len(fields):
        _decode_strictly(text)
    kind = fields.get("event")
    shape = _SHAPES.get(kind) if type(kind) is str else None
    if shape is None:
        raise _WrongEventError(f"event must be order, fill or cancel, not {_shown(kind)}")
    required, known, build = shape
    keys = fields.keys()
    if not required <= keys:
        raise _WrongEventError(f"{kind} has no {_listed(required - keys)}")
    if not keys <= known:
        raise _WrongEventError(f"{kind} has unknown keys: {_listed(keys - known)}")
    return build(number, fields)


def _order(number: int, fields: dict[str, object]) -> OrderPlaced:
    get = fields.get
    quantity = _amount(get("quantity"), "quantity")
    volume = _amount(get("volume"), "volume")
    if (quantity is None) is (volume is None):
        raise _WrongEventError("order must have either quantity or volume")
    return OrderPlaced(
        number,
        _time(get("time")),
        _id(fields["order"], "order"),
        _id(fields["account"], "account"),
        _name(fields["symbol"], "symbol"),
        _name(fields["currency"], "currency"),
        _side(fields["side"]),
        quantity,
        volume,
        _amount(get("price"), "price"),
    )


def _fill(number: int, fields: dict[str, object]) -> Fill:
    get = fields.get
    return Fill(
        number,
        _time(get("time")),
        _id(fields["order"], "order"),
        _required_amount(fields["quantity"], "quantity"),
        _required_amount(fields["price"], "price"),
        _amount(get("fee"), "fee"),
        _amount(get("pnl"), "pnl"),
    )


def _cancel(number: int, fields: dict[str, object]) -> Cancel:
    return Cancel(
        number,
        _time(fields.get("time")),
        _id(fields["order"], "order"),
        _amount(fields.get("quantity"), "quantity"),
    )


_SHAPES: dict[str, tuple[frozenset[str], frozenset[str], Callable[[int, dict[str, object]], Event]]]
_SHAPES = {
    kind: (frozenset(required), frozenset(("event", "time", *required, *optional)), build)
    for kind, required, optional, build in (
        (
            "order",
            ("order", "account", "symbol", "currency", "side"),
            ("quantity", "volume", "price"),
            _order,
        ),
        ("fill", ("order", "quantity", "price"), ("fee", "pnl"), _fill),
        ("cancel", ("order",), ("quantity",), _cancel),
    )
}


def _time(value: object) -> int | None:
    if type(value) is int and 0 <= value <= TIME_LIMIT:
        return value
    if value is None:
        return None
    if type(value) is _Fraction:  # as in 1.7e18
        time = whole(value)
        if time is not None and 0 <= time <= TIME_LIMIT:
            return time
    raise _WrongEventError(
        f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not {_shown(value)}"
    )


def _id(value: object, name: str) -> int | str:
    if type(value) is int and 0 <= value <= ID_LIMIT:
        return value
    if type(value) is str and _is_name(value, name):
        return value
    if type(value) is int and value > ID_LIMIT:
        raise _WrongEventError(f"{name} must be at most {ID_LIMIT}, not {_shown(value)}")
    raise _WrongEventError(f"{name} must be a whole number from 0 or a text, not {_shown(value)}")


def _name(value: object, name: str) -> str:
    if type(value) is str and _is_name(value, name):
        return value
    raise _WrongEventError(f"{name} must be a text, not {_shown(value)}")


def _is_name(value: str, name: str) -> bool:
    if not value.isprintable() or value.strip() == "":
        return False
    # Few texts are so long that their bytes have to be counted.
    if len(value) * 4 > TEXT_LIMIT and len(value.encode()) > TEXT_LIMIT:
        raise _WrongEventError(f"{name} is longer than {TEXT_LIMIT} bytes: {_shown(value)}")
    return True


def _side(value: object) -> str:
    if value == "BUY":
        return "BUY"
    if value == "SELL":
        return "SELL"
    raise _WrongEventError(f"side must be BUY or SELL, not {_shown(value)}")


def _amount(value: object, name: str) -> Number | None:
    return None if value is None else _required_amount(value, name)


def _required_amount(value: object, name: str) -> Number:
    if type(value) is int:
        return value
    if type(value) is str or type(value) is _Fraction:
        # Most are short and plain: only of the others the digits have to be looked at.
        if len(value) <= FRACTION_DIGITS and "e" not in value and "E" not in value:
            return str(value)
        digits = plain(value)
        if digits is None:
            raise _WrongEventError(
                f"{name} has more than {WHOLE_DIGITS} digits before the point or "
                f"{FRACTION_DIGITS} after it: {_shown(value)}"
            )
        return digits
    raise _WrongEventError(f"{name} must be a number or text, not {_shown(value)}")


def _shown(value: object) -> str:
    text = str(value) if type(value) is _Fraction else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_shown(name)[1:-1] for name in sorted(names)[:8])


# --- writing -----------------------------------------------------------------------------------

# f-strings are several times faster than a general encoder, and only text needs its quoting.
_quoted = json.JSONEncoder().encode


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
