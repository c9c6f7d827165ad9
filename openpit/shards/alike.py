"""Orders of a batch that are all alike, checked one after another: the hot path of volume.

They are plain, of one kind and one time, and no policy keeps what it is given: so each row is
unpacked into the same order, and what is asked of each row elsewhere is asked once of all. Of a
worker's part of an order in a batch, four policies, that is a tenth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.shards.answering import append
from openpit.wire import kinds
from openpit.wire.failures import failure_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.core.order import Order
    from openpit.engine.answers import Checked
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts

__all__ = ["AlikeOrders", "check_alike"]

ACCEPTED: Final = kinds.ACCEPTED
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED


class AlikeOrders(list[tuple[Any, ...]]):
    """Commands of one kind, each an order in a flat row, read and with ranks; at least one."""

    __slots__ = ()


def check_alike(
    execute: Callable[[Order, int], Checked],
    executed: Callable[[int, Checked, Any], Reply],
    order: Order,
    counts: BatchCounts,
    first: int,
    commands: AlikeOrders,
    now: int,
    answered: list[Reply],
) -> None:
    """Check orders at a time; ``execute`` gets each as ``order``, ``executed`` makes its reply.

    ``first`` is the number of the first; replies are appended to ``answered``.
    """
    is_counted = commands[0][0] == EXECUTE_COUNTED
    seq = first
    passed = 0  # of the orders just before this one, without a break
    for (
        _,
        order._account_,
        order._underlying_,
        order._settlement_,
        order._side_,
        order._quantity_,
        order._volume_,
        order._price_,
        broker,
        asset,
    ) in commands:
        if is_counted:
            if broker and not asset:  # what rank() does, spelt out: the broker's limit alone
                counts.supplied, counts.used = (broker + counts.broker, 0), False
            else:
                counts.rank(broker, asset, order._settlement_)
        reply: Reply | None = None
        try:
            if (answer := execute(order, now)) is not None:
                reply = executed(seq, answer, commands[seq - first])
        except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
            reply = (kinds.RAISED, *failure_row(error))
        if is_counted and not counts.used:
            counts.miss(seq - first, commands[seq - first])
        if reply is None:
            passed += 1
        else:
            if passed:
                answered.append([ACCEPTED, passed])
                passed = 0
            append(answered, reply)
        seq += 1
    if passed:
        answered.append([ACCEPTED, passed])
