"""What the table of messages says, read by hand: an oracle that shares no code with the wire.

``judged(command)`` is None for a command that no router could have sent, else what it asks, in
terms of the public API, which an ordinary engine of one process is then asked as well.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

import openpit
from openpit import param
from openpit.pretrade import Lock, Policy, PolicyReject, RejectCode

SHARDS = 2
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[Ee]([+-][0-9]+))?")


class Urgency(enum.Enum):
    LOW = 1
    HIGH = 2


class Route(enum.Flag):
    LIT = 1
    DARK = 2
    SLOW = 4


@dataclass(frozen=True)
class Tag:
    desk: object
    urgency: object


class Leg(NamedTuple):
    symbol: object
    ratio: object


def shown(note: Any) -> str:
    """A value's text, that of a set in an order of its own."""
    if isinstance(note, frozenset):
        return f"frozenset {sorted(map(shown, note))}"
    if type(note) in {list, tuple, Leg}:
        return f"{type(note).__name__} {[*map(shown, note)]}"
    return f"Tag {shown(note.desk)} {shown(note.urgency)}" if type(note) is Tag else repr(note)


class Noted(Policy):
    """Says what it sees on an order, and whether members are the ones that there are."""

    name = "Noted"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> list[PolicyReject]:
        note = getattr(order, "note", "x")
        if note == "x":
            return []
        is_member = isinstance(note, enum.Enum) and note is type(note)(note.value)
        details = f"{shown(note)} {is_member}"
        return [PolicyReject(code=RejectCode.OTHER, reason="noted", details=details)]


class Refused(Exception):  # noqa: N818 - a verdict
    """Nobody could have sent this."""


class Unread(Exception):  # noqa: N818 - a verdict
    """Something that this oracle does not read."""


def shard_of(account: int) -> int:
    """The shard of two that an account belongs to, by the published hash."""
    return (account * 0x9E3779B97F4A7C15 % 2**64 >> 52) * SHARDS // 4096


def need(truth: object) -> None:
    if not truth:
        raise Refused


def integer(value: Any, lowest: int = 0, largest: int = 2**64 - 1) -> int:
    need(type(value) is int and lowest <= value <= largest)
    return value


def decimal(text: Any) -> str:
    """A decimal as Python writes one, which a mantissa of 96 bits and a scale up to 28 can hold."""
    need(type(text) is str)
    found = _DECIMAL.fullmatch(text)
    need(found is not None)
    sign, whole, fraction, power = found.groups()  # type: ignore[union-attr]
    fraction = fraction or ""
    scale = len(fraction) - int(power or 0)
    mantissa = int(whole + fraction)
    need(0 <= scale <= 28 and mantissa < 2**96 and not (sign and not mantissa))
    digits = str(mantissa)
    if len(digits) - 1 - scale >= -6:
        padded = digits.rjust(scale + 1, "0")
        need(
            text
            == sign
            + padded[: len(padded) - scale]
            + ("." + padded[len(padded) - scale :] if scale else "")
        )
    else:
        written = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        need(text.upper() == f"{sign}{written}E{len(digits) - 1 - scale}")
    return f"{sign}{mantissa}e-{scale}"


def amount(text: Any) -> param.Price | None:
    """A signed decimal that may be missing."""
    return None if text is None else _price(text)


def _price(text: Any) -> param.Price:
    sign, (mantissa, scale) = (
        "-" if decimal(text)[0] == "-" else "",
        decimal(text).lstrip("-").split("e-"),
    )
    padded = mantissa.rjust(int(scale) + 1, "0")
    place = len(padded) - int(scale)
    return param.Price(sign + padded[:place] + ("." + padded[place:] if int(scale) else ""))


def plain(text: Any) -> str | None:
    return None if text is None else str(_price(text))


def unsigned(text: Any) -> str | None:
    need(text is None or decimal(text)[0] != "-")
    return plain(text)


def asset(text: Any) -> str | None:
    need(text is None or (type(text) is str and text.strip()))
    return text


def side(text: Any) -> param.Side | None:
    need(text is None or (type(text) is str and text in {"BUY", "SELL"}))
    return None if text is None else param.Side(text)


def owned(account: Any) -> int | None:
    if account is None:
        return None
    need(shard_of(integer(account)) == 0)
    return account


# --- values ------------------------------------------------------------------------------------


def value(packed: Any, depth: int = 0) -> Any:
    """A tagged value: records as tuples of their number and their fields."""
    need(depth <= 200)
    if type(packed) is not tuple:
        need(packed is None or type(packed) in {bool, int, float, str, bytes})
        return packed
    need(packed and type(packed[0]) is int)
    tag, *parts = packed
    if tag in {0, 1}:
        listed = [value(part, depth + 1) for part in parts]
        return listed if tag == 0 else tuple(listed)
    if tag == 2:
        found = [value(part, depth + 1) for part in parts]
        need(len(found) % 2 == 0 and all(type(key) is str for key in found[::2]))
        made = dict(zip(found[::2], found[1::2], strict=True))
        need(2 * len(made) == len(found))
        return made
    if tag == 3:
        need(len(parts) == 1)
        return Figure(decimal(parts[0]), plain(parts[0]))
    if tag == 5:
        need(len(parts) == 2 and type(parts[0]) is int and parts[0] == 1)
        need(type(parts[1]) is str)
        return side(parts[1])
    if tag == 7:  # an order of a class of its own; one class is known here
        need(
            len(parts) > 4 and type(parts[0]) is int and parts[:3] == [21, "openpit.core", "Order"]
        )
        attributes = parts[3]
        need(type(attributes) is tuple and len(attributes) % 2 == 0)
        named = []
        for name, held in zip(attributes[::2], attributes[1::2], strict=True):
            need(type(name) is str and not name.endswith("_"))
            named.append((name, attribute(held, depth + 1)))
        return Rec(21, tuple(value(part, depth + 1) for part in parts[4:]), tuple(named))
    if tag == 8:
        return of_users(parts, [value(part, depth + 1) for part in parts[2:]])
    if tag == 9:
        return of_library(parts, [value(part, depth + 1) for part in parts[1:]])
    need(tag == 6 and parts and type(parts[0]) is int)
    return Rec(parts[0], tuple(value(part, depth + 1) for part in parts[1:]))


def attribute(packed: Any, depth: int) -> Any:
    """What hangs on an order: more than this oracle reads may, too."""
    if type(packed) is not tuple:
        return value(packed, depth)
    need(packed and type(packed[0]) is int and depth <= 200)
    tag, *parts = packed
    if tag == 8:
        return of_users(parts, [attribute(part, depth + 1) for part in parts[2:]])
    if tag == 9:
        return of_library(parts, [attribute(part, depth + 1) for part in parts[1:]])
    need(tag in range(8))
    if tag > 1:
        raise Unread
    listed = [attribute(part, depth + 1) for part in parts]
    return listed if tag == 0 else tuple(listed)


def of_users(named: Any, parts: list[Any]) -> Any:
    """A value of one of the classes above, made as a user makes it."""
    need(len(named) > 2 and named[0] == "fuzz_reader" and type(named[1]) is str)
    kind = {one.__name__: one for one in (Urgency, Route, Tag, Leg)}.get(named[1])
    need(kind is not None)
    if kind in {Tag, Leg}:
        need(len(parts) == 2)
        return kind(*parts)  # type: ignore[misc]  # one of the two
    need(len(parts) == 1)
    (key,) = parts
    if kind is Route and type(key) is int:
        need(key in {0, 3, 5, 6, 7})
        return Route(key)
    need(type(key) is str and key in {one.name for one in kind})  # type: ignore[union-attr, attr-defined]  # an enumeration
    return kind[key]  # type: ignore[index]  # as above


def of_library(named: Any, parts: list[Any]) -> Any:
    """A date, an identifier, a range or a set of what has a hash."""
    need(named and type(named[0]) is str)
    if named[0] == "date":
        need(len(parts) == 3 and all(type(part) is int for part in parts))
        try:
            return dt.date(*parts)
        except (ValueError, OverflowError):
            raise Refused from None
    if named[0] == "UUID":
        need(len(parts) == 1 and type(parts[0]) is str)
        need(re.fullmatch("[0-9a-f]{32}", parts[0]))
        return uuid.UUID(parts[0])
    if named[0] == "range":
        need(len(parts) == 3 and all(type(part) is int for part in parts) and parts[2] != 0)
        return range(*parts)
    if named[0] in {"set", "deque", "Counter", "Fraction", "bytearray", "ZoneInfo"}:
        raise Unread
    need(named[0] == "frozenset" and len(parts) == 1 and type(parts[0]) is list)
    try:
        made = frozenset(parts[0])
    except TypeError:
        raise Refused from None
    need(len(made) == len(parts[0]))
    return made


@dataclass(frozen=True)
class Figure:
    exact: str
    text: str | None


@dataclass(frozen=True)
class Rec:
    number: int
    fields: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...] = ()


def rec(found: Any, number: int, fields: int) -> tuple[Any, ...]:
    need(type(found) is Rec and found.number == number and len(found.fields) == fields)
    return found.fields


def figure(found: Any, *, positive: bool = False) -> str | None:
    if found is None:
        return None
    need(type(found) is Figure and not (positive and found.exact[0] == "-"))
    return found.text


# --- what is asked -----------------------------------------------------------------------------


def order(
    underlying: str | None,
    settlement: str | None,
    account: int | None,
    way: param.Side | None,
    quantity: str | None,
    volume: str | None,
    price: str | None,
) -> openpit.Order:
    """An order, made by the public constructors alone."""
    need(quantity is None or volume is None)
    size = None
    if quantity is not None:
        size = param.TradeAmount.quantity(quantity)
    elif volume is not None:
        size = param.TradeAmount.volume(volume)
    operation = openpit.OrderOperation(
        instrument=openpit.Instrument(underlying or "X", settlement or "X"),
        side=way,  # type: ignore[arg-type]
        trade_amount=size,  # type: ignore[arg-type]
        account_id=None if account is None else param.AccountId.from_int(account),  # type: ignore[arg-type]
        price=None if price is None else param.Price(price),
    )
    operation.underlying_asset = underlying  # type: ignore[assignment]
    operation.settlement_asset = settlement  # type: ignore[assignment]
    return openpit.Order(operation=operation)


def flat_order(row: tuple[Any, ...]) -> openpit.Order:
    account, one, other, way, quantity, volume, price = row
    return order(
        asset(one),
        asset(other),
        account,
        side(way),
        unsigned(quantity),
        unsigned(volume),
        plain(price),
    )


def order_value(packed: Any, account: int | None) -> openpit.Order:
    found = value(packed)
    one, other, owner, way, quantity, volume, price, position, margin, operation = rec(
        found, 21, 10
    )
    need(position is None and margin is None and operation is None)
    need(owner is account or (type(owner) is int and owner == account))
    need(way is None or type(way) is param.Side)
    made = order(
        asset(one),
        asset(other),
        account,
        way,
        figure(quantity, positive=True),
        figure(volume, positive=True),
        figure(price),
    )
    for name, held in found.named:
        setattr(made, name, held)
    return made


def lock(rows: Any) -> Lock:
    need(type(rows) is tuple)
    made = Lock()
    seen = set()
    for row in rows:
        need(type(row) is tuple and len(row) > 1)
        group = integer(row[0], 0, 65535)
        need(group not in seen and None not in row)
        seen.add(group)
        for price in row[1:]:
            made.push(group, _price(price))
    return made


def report(row: tuple[Any, ...]) -> openpit.ExecutionReport:
    account, one, other, way, pnl, fee, fill = row
    need((pnl is None) == (fee is None))
    impact = None
    if pnl is not None:
        impact = openpit.FinancialImpact(pnl=param.Pnl(plain(pnl)), fee=param.Fee(plain(fee)))
    details = None
    if fill is not None:
        need(type(fill) is tuple and len(fill) == 7)
        last, quantity, cost, currency, left, final, prices = fill
        need((last is None) == (quantity is None) and (cost is None) == (currency is None))
        need(final is None or type(final) is bool)
        left, quantity = unsigned(left), unsigned(quantity)
        details = openpit.ExecutionReportFillDetails(
            last_trade=None
            if last is None
            else param.Trade(price=_price(last), quantity=param.Quantity(quantity)),
            fee=None
            if cost is None
            else param.MonetaryAmount(
                amount=param.Fee(plain(cost)), currency=param.Asset(asset(currency))
            ),
            remaining_reserved_quantity=None if left is None else param.Quantity(left),
            lock=lock(prices),
            is_final=final,
        )
    operation = openpit.ExecutionReportOperation(
        instrument=openpit.Instrument(asset(one) or "X", asset(other) or "X"),
        side=side(way),  # type: ignore[arg-type]
        account_id=None if account is None else param.AccountId.from_int(account),  # type: ignore[arg-type]
    )
    operation.underlying_asset = one
    operation.settlement_asset = other
    return openpit.ExecutionReport(operation=operation, financial_impact=impact, fill=details)


def adjustments(packed: Any) -> list[openpit.AccountAdjustment]:
    listed = value(packed)
    need(type(listed) is list)
    return [_adjustment(found) for found in listed]


def _adjustment(found: Any) -> openpit.AccountAdjustment:
    operation, change, bounds = rec(found, 30, 3)
    need(bounds is None)
    of_balance = None
    if operation is not None:
        name, average, pnl = rec(operation, 32, 3)
        average, pnl = figure(average), figure(pnl)
        of_balance = openpit.AccountAdjustmentBalanceOperation(
            asset=asset(name),  # type: ignore[arg-type]
            average_entry_price=None if average is None else param.Price(average),
            realized_pnl=None if pnl is None else param.Pnl(pnl),
        )
    changes = rec(change, 31, 3) if change is not None else (None, None, None)
    balance, held, incoming = (_change(one) for one in changes)
    return openpit.AccountAdjustment(
        operation=of_balance,
        amount=None
        if change is None
        else openpit.AccountAdjustmentAmount(balance=balance, held=held, incoming=incoming),
    )


def _change(found: Any) -> param.AdjustmentAmount | None:
    if found is None:
        return None
    amount, is_absolute = rec(found, 14, 2)
    need(type(is_absolute) is bool and amount is not None)
    text = figure(amount)
    make = param.AdjustmentAmount.absolute if is_absolute else param.AdjustmentAmount.delta
    return make(text)  # type: ignore[arg-type]
