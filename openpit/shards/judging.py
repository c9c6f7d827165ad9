"""The hot path of volume: orders of a batch that are all alike, judged.

At once where every policy can tell that it has nothing against any, which is as a rule all there is
to do; the others one after another.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.shards.answering import append, rejected
from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from openpit.core.order import Order
    from openpit.engine.all_at_once import AllAtOnce
    from openpit.engine.answers import Checked
    from openpit.pretrade.policy_contract import HeldRow
    from openpit.pretrade.rejects import Reject
    from openpit.shards.alike import AlikeOrders
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.held import Open
    from openpit.shards.plain_holds import PlainHolds
    from openpit.shards.recent import Recent

__all__ = ["check_alike", "doubtful", "hold_alike", "judge_alike"]

OneByOne: TypeAlias = (
    "tuple[Callable[[Order, int], Checked], Callable[[int, Checked, Any], Reply], "
    "Callable[[BaseException, Any], Reply], Order]"
)
"""What judges an order, what makes the replies of that or of what it raises, and the order."""

ACCEPTED: Final = kinds.ACCEPTED
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED


def judge_alike(
    all_at_once: AllAtOnce | None,
    plain: PlainHolds,
    its: Open,
    one_by_one: OneByOne,
    counts: BatchCounts,
    recent: Recent,
    first: int,
    commands: AlikeOrders,
    now: int,
    client: int,
    answered: list[Reply],
) -> None:
    """Judge the orders, of which ``first`` is the number of the first, and append the replies."""
    places = None if all_at_once is None else doubtful(all_at_once, counts, commands)
    if all_at_once is not None and all_at_once.holds and places is not None:
        asked = counts, recent, first, commands, places, now, client
        hold_alike(plain, its, one_by_one, *asked, answered)
    elif type(places) is dict:
        refuse_alike(places, counts, commands, answered)
        recent.refuse_many(now, client, commands, places)
    else:
        check_alike(*one_by_one, counts, first, commands, places, now, answered)


def doubtful(
    all_at_once: AllAtOnce, counts: BatchCounts, commands: AlikeOrders
) -> Sequence[int] | dict[int, Reject] | None:
    """Return the places of the orders that are to be judged one by one; None: that is all of them.

    The others pass, have counted, and hold nothing. A dict says of each what it is rejected for.
    """
    is_counted = commands.kind == EXECUTE_COUNTED
    orders = commands.orders
    counts.rank_all(commands.brokers, commands.assets, orders.settlements, is_counted=is_counted)
    places = all_at_once.doubtful(orders)
    return None if is_counted and not counts.used else places


def refuse_alike(
    refused: Mapping[int, Reject], counts: BatchCounts, commands: AlikeOrders, answered: list[Reply]
) -> None:
    """Reject the orders at some places; the others are accepted, and all have counted."""
    told = 0  # the place behind the last reply
    for place, reject in refused.items():
        if place > told:
            answered.append([ACCEPTED, place - told])
        answered.append(rejected((reject,)))
        told = place + 1
    if told < len(commands):
        answered.append([ACCEPTED, len(commands) - told])
    _go_on_from_the_last(counts, commands)


def hold_alike(
    plain: PlainHolds,
    its: Open,
    one_by_one: OneByOne,
    counts: BatchCounts,
    recent: Recent,
    first: int,
    commands: AlikeOrders,
    places: Collection[int] | Mapping[int, Reject],
    now: int,
    client: int,
    answered: list[Reply],
) -> None:
    """Hold what the orders need, but for those at some places: these are refused, or to be checked.

    What is held is kept in ``its``. The main stage decides by itself of what is not plain.
    """
    orders = commands.to_hold()
    refused = places if type(places) is dict else {}
    alone = *one_by_one, counts, first, commands
    main = plain.execute_main if plain.has_start else one_by_one[0]
    count = len(commands)
    at = 0
    for place in (*places, count):
        while at < place:
            rows: list[HeldRow] = []
            is_left = plain.hold(islice(orders, place - at), rows)
            if rows:
                plain.opens(rows, first + at, its)
                answered += rows
                at += len(rows)
            if is_left:
                check_alike(
                    main, *alone[1:], (at,), now, answered, start=at, end=at + 1, is_counted=False
                )
                at += 1
        if place in refused:
            answered.append(rejected((refused[place],)))
            recent.refuse_many(now, client, commands, {place: refused[place]})
        elif place < count:
            check_alike(*alone, (place,), now, answered, start=place, end=place + 1)
        if place < count:
            next(orders)
        at = place + 1
    if commands.kind == EXECUTE_COUNTED and (refused or count - 1 not in places):
        _go_on_from_the_last(counts, commands)


def check_alike(
    execute: Callable[[Order, int], Checked],
    executed: Callable[[int, Checked, Any], Reply],
    raised: Callable[[BaseException, Any], Reply],
    order: Order,
    counts: BatchCounts,
    first: int,
    commands: AlikeOrders,
    places: Collection[int] | None,
    now: int,
    answered: list[Reply],
    *,
    start: int = 0,
    end: int | None = None,
    is_counted: bool = True,
) -> None:
    """Check the orders at some places, or all; the others are accepted.

    ``execute`` gets each as ``order``, since no policy keeps what it is given; ``executed`` makes
    its reply, or ``raised`` of what it raises. ``first`` is the number of the first; replies are
    appended to ``answered``. Only those from ``start`` to ``end`` are looked at, if that is not
    all; where they are not ``is_counted``, they have counted already.
    """
    is_counted = is_counted and commands.kind == EXECUTE_COUNTED
    count = len(commands) if end is None else end
    told = start  # the place behind the last reply: since then, all have been accepted
    for place in range(count) if places is None else places:
        row = commands.rows[place]
        (
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
        ) = row
        if is_counted:
            if broker and not asset:  # what rank() does, spelt out: the broker's limit alone
                counts.supplied, counts.used = (broker + counts.broker, 0), False
            else:
                counts.rank(broker, asset, order._settlement_)
        reply: Reply | None = None
        try:
            if (answer := execute(order, now)) is not None:
                reply = executed(first + place, answer, row)
        except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
            reply = raised(error, row)
        if is_counted and not counts.used:
            counts.miss(place, row)
        if reply is not None:
            if place > told:
                answered.append([ACCEPTED, place - told])
            append(answered, reply)
            told = place + 1
    if told < count:
        answered.append([ACCEPTED, count - told])
    if is_counted and places is not None and end is None and count - 1 not in places:
        _go_on_from_the_last(counts, commands)


def _go_on_from_the_last(counts: BatchCounts, commands: AlikeOrders) -> None:
    """Have the counts of the last order be those that the next one has which does not count."""
    counts.rank(commands.brokers[-1], commands.assets[-1], commands.orders.settlements[-1])
    counts.used = True
