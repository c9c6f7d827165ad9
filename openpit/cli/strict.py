"""Tells what is wrong with a line of a flow, and reads the few that need a closer look.

Knows the format (:mod:`openpit.cli.flows` describes it) to the last reason. It is six times slower
than what most lines are read by, and gets only those that cannot be.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from openpit.cli.digits import FRACTION_DIGITS, WHOLE_DIGITS, plain, whole
from openpit.cli.events import BadEventError, Cancel, Fill, OrderPlaced
from openpit.wire.limits import ACCOUNT_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.cli.events import Event, Number

__all__ = ["ID_LIMIT", "TEXT_LIMIT", "TIME_LIMIT", "event_of", "is_text"]

ID_LIMIT = (1 << 64) - 1
"""Largest numeric account or order id: that of an account in the engine."""

TIME_LIMIT = (1 << 63) - 1
"""Largest time, in nanoseconds: what fits a signed 64-bit field."""

TEXT_LIMIT = ACCOUNT_TEXT_BYTES
"""UTF-8 bytes of a text: what holds for accounts is enough for order ids and assets, too."""

SHOWN = 40
"""Characters of a wrong value that a reason quotes."""


def is_text(value: str) -> bool:
    """Tell whether a flow may have this as the name of something."""
    return value.isprintable() and value.strip() != "" and len(value.encode()) <= TEXT_LIMIT


class _Fraction(str):
    """A number with a point or an exponent: its text, so that no digit passes through a float."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise BadEventError(f"not JSON: {name} is not a number")


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twins = {key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position])}
        raise BadEventError(f"keys that come twice: {_listed(twins)}")
    return fields


_decode = json.JSONDecoder(parse_float=_Fraction, parse_constant=_no_constant).raw_decode
_decode_strictly = json.JSONDecoder(object_pairs_hook=_without_twins).raw_decode


def event_of(line: bytes) -> Event:
    """Return the event of a line; :class:`BadEventError` with the reason if it is none."""
    try:
        text = line.decode().strip()
        fields, end = _decode(text)
    except json.JSONDecodeError as error:
        raise BadEventError(f"not JSON: {error.msg} at column {error.colno}") from None
    except UnicodeDecodeError:
        raise BadEventError("not UTF-8 text") from None
    except ValueError:
        raise BadEventError("a whole number has too many digits") from None
    except RecursionError:
        raise BadEventError("not JSON: nested too deeply") from None
    if end != len(text):
        raise BadEventError(f"not JSON: more text after the event, at column {end + 1}")
    if type(fields) is not dict:
        raise BadEventError("not a JSON object")
    # A key that came twice leaves a colon more than there are keys; so does one within a text.
    if text.count(":") != len(fields):
        _decode_strictly(text)
    kind = fields.get("event")
    shape = _SHAPES.get(kind) if type(kind) is str else None
    if shape is None:
        raise BadEventError(f"event must be order, fill or cancel, not {_shown(kind)}")
    required, known, build = shape
    keys = fields.keys()
    if not required <= keys:
        raise BadEventError(f"{kind} has no {_listed(required - keys)}")
    if not keys <= known:
        raise BadEventError(f"{kind} has unknown keys: {_listed(keys - known)}")
    return build(fields)


# In each of these the fields are looked at in the order in which their reasons are to be told.


def _order(fields: dict[str, object]) -> OrderPlaced:
    get = fields.get
    quantity = _amount(get("quantity"), "quantity")
    volume = _amount(get("volume"), "volume")
    if (quantity is None) is (volume is None):
        raise BadEventError("order must have either quantity or volume")
    time = _time(get("time"))
    return OrderPlaced(
        _id(fields["order"], "order"),
        _id(fields["account"], "account"),
        _name(fields["symbol"], "symbol"),
        _name(fields["currency"], "currency"),
        _side(fields["side"]),
        quantity,
        volume,
        _amount(get("price"), "price"),
        time,
    )


def _fill(fields: dict[str, object]) -> Fill:
    get = fields.get
    time = _time(get("time"))
    return Fill(
        _id(fields["order"], "order"),
        _required_amount(fields["quantity"], "quantity"),
        _required_amount(fields["price"], "price"),
        _amount(get("fee"), "fee"),
        _amount(get("pnl"), "pnl"),
        time,
    )


def _cancel(fields: dict[str, object]) -> Cancel:
    time = _time(fields.get("time"))
    return Cancel(_id(fields["order"], "order"), _amount(fields.get("quantity"), "quantity"), time)


_SHAPES: dict[str, tuple[frozenset[str], frozenset[str], Callable[[dict[str, object]], Event]]]
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
    raise BadEventError(
        f"time must be whole nanoseconds from 0 to {TIME_LIMIT}, not {_shown(value)}"
    )


def _id(value: object, name: str) -> int | str:
    if type(value) is int and 0 <= value <= ID_LIMIT:
        return value
    if type(value) is str and _is_name(value, name):
        return value
    if type(value) is int and value > ID_LIMIT:
        raise BadEventError(f"{name} must be at most {ID_LIMIT}, not {_shown(value)}")
    raise BadEventError(f"{name} must be a whole number from 0 or a text, not {_shown(value)}")


def _name(value: object, name: str) -> str:
    if type(value) is str and _is_name(value, name):
        return value
    raise BadEventError(f"{name} must be a text, not {_shown(value)}")


def _is_name(value: str, name: str) -> bool:
    if not value.isprintable() or value.strip() == "":
        return False
    # Few texts are so long that their bytes have to be counted.
    if len(value) * 4 > TEXT_LIMIT and len(value.encode()) > TEXT_LIMIT:
        raise BadEventError(f"{name} is longer than {TEXT_LIMIT} bytes: {_shown(value)}")
    return True


def _side(value: object) -> str:
    if value == "BUY":
        return "BUY"
    if value == "SELL":
        return "SELL"
    raise BadEventError(f"side must be BUY or SELL, not {_shown(value)}")


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
            raise BadEventError(
                f"{name} has more than {WHOLE_DIGITS} digits before the point or "
                f"{FRACTION_DIGITS} after it: {_shown(value)}"
            )
        return digits
    raise BadEventError(f"{name} must be a number or text, not {_shown(value)}")


def _shown(value: object) -> str:
    text = str(value) if type(value) is _Fraction else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_shown(name)[1:-1] for name in sorted(names)[:8])
