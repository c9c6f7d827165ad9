"""What a client has left open that is gone: told to the one that comes after it, or rolled back.

A journal gives back what was open when an engine ended, under the numbers that it had then. What
was asked for and what was answered is told again, so that a program knows its orders by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.order import Order, new_order
from openpit.pretrade.effects import Effects
from openpit.shards.held import settle
from openpit.shards.plain_holds import funded_order
from openpit.wire import kinds
from openpit.wire.frames import pack
from openpit.wire.limits import LEFT_BYTES, LEFT_ROWS
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.shards.held import Open, OpenOne
    from openpit.shards.plain_holds import PlainHolds
    from openpit.shards.raised_log import RaisedLog

__all__ = ["let_go_before", "order_of", "packed_order", "told_left"]

Row: TypeAlias = "tuple[int, int | None, bytes, bytes, bytes]"
"""A handle, its account, its order as a value, with what its own class has and without it, and the
reply that its client was given."""

_STARTED: Final = pack((kinds.STARTED,))


def told_left(left: Open, after: int, before: int) -> Sequence[Any]:
    """Return the reply that tells what is open under numbers between these: the first of it."""
    rows: list[Row] = []
    size = 0
    for handle in sorted(handle for handle in left if after < handle < before):
        row = _row(handle, left[handle])
        size += sum(map(len, row[2:]))
        if rows and (size > LEFT_BYTES or len(rows) >= LEFT_ROWS):
            break
        rows.append(row)
    return kinds.LEFT, tuple(rows)


def _row(handle: int, held: OpenOne) -> Row:
    if type(held) is tuple:
        order, told = funded_order(held), pack(held)
    elif isinstance(held, Effects):
        asked, reply = held.origin
        order, told = order_of(asked), pack(reply)
    else:
        order, told = held.order, _STARTED  # type: ignore[union-attr]  # no row: see above
    bare = pack((encode(order, bare=True),))
    return handle, order._account_, packed_order(order, bare), bare, told


def order_of(asked: Any) -> Order:
    """Return the order of a command, which may be one already."""
    if isinstance(asked, Order):
        return asked
    _, account, underlying, settlement, side, quantity, volume, price, _, _ = asked
    return new_order(underlying, settlement, account, side, quantity, volume, price)


def packed_order(order: Order, bare: bytes) -> bytes:
    """Return an order as a value; the bare one where a policy has hung on it what cannot travel."""
    try:
        return pack((encode(order),))
    except (TypeError, ValueError, OverflowError):
        return bare


def let_go_before(left: Open, before: int, raised: RaisedLog, plain: PlainHolds) -> None:
    """Roll back what is open under numbers before this one, the last first."""
    handles = sorted((handle for handle in left if handle < before), reverse=True)
    settle([left.pop(handle) for handle in handles], raised, plain)
