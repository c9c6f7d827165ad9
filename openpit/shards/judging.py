"""The hot path of volume: orders of a batch that are all alike, judged.

At once where every policy can tell that it has nothing against any, which is as a rule all there is
to do; the others one after another.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.pretrade.alike_rejects import RefusedRuns
from openpit.shards.answering import append
from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from openpit.core.order import Order
    from openpit.engine.all_at_once import AllAtOnce
    from openpit.engine.answers import Checked
    from openpit.pretrade.alike_rejects import RefusedRun
    from openpit.shards.alike import AlikeOrders
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.recent import Recent

__all__ = ["check_alike", "doubtful", "judge_alike"]

OneByOne: TypeAlias = (
    "tuple[Callable[[Order, int], Checked], Callable[[int, Checked, Any], Reply], "
    "Callable[[BaseException, Any], Reply], Order]"
)
"""What judges an order, what makes the replies of that or of what it raises, and the order."""

ACCEPTED: Final = kinds.ACCEPTED
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
REJECTED_ALIKE: Final = kinds.REJECTED_ALIKE


def judge_alike(
    all_at_once: AllAtOnce | None,
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

    def check(start: int, behind: int, places: Collection[int] | None) -> None:
        stretch = start, behind, places
        check_alike(*one_by_one, counts, first, commands, stretch, now, answered)

    def refuse(run: RefusedRun) -> None:
        answered.append((REJECTED_ALIKE, run.numbers, run.reject))
        recent.refuse_alike(now, client, commands, run)

    start = 0
    if isinstance(places, RefusedRuns):
        start = refuse_alike(places, counts, check, refuse)
        apart = places.apart
        left = {*apart, *places.places()} if counts.missing else apart[bisect_left(apart, start) :]
        places = sorted(place for place in left if place >= start)
    check(start, len(commands), places)


def doubtful(
    all_at_once: AllAtOnce, counts: BatchCounts, commands: AlikeOrders
) -> Sequence[int] | RefusedRuns | None:
    """Return the places of the orders that are to be judged one by one; None: that is all of them.

    The others pass, have counted, and hold nothing. Runs say of each what it is rejected for.
    """
    is_counted = commands.kind == EXECUTE_COUNTED
    orders = commands.orders
    counts.rank_all(commands.brokers, commands.assets, orders.settlements, is_counted=is_counted)
    places = all_at_once.doubtful(orders)
    return None if is_counted and not counts.used else places


def refuse_alike(
    refused: RefusedRuns,
    counts: BatchCounts,
    check: Callable[[int, int, Collection[int]], None],
    refuse: Callable[[RefusedRun], None],
) -> int:
    """Refuse the orders of runs, and ``check`` those before each; return the place behind them.

    That are not all where one has not counted: those behind it count as less.
    """
    apart = refused.apart
    start = 0
    for run in refused.without_those_apart() if apart else refused.runs:
        if run.first > start:
            between = apart[bisect_left(apart, start) : bisect_left(apart, run.first)]
            check(start, run.first, between)
            if counts.missing:
                return run.first
        refuse(run)
        start = run.first + len(run.numbers)
    return start


def check_alike(
    execute: Callable[[Order, int], Checked],
    executed: Callable[[int, Checked, Any], Reply],
    raised: Callable[[BaseException, Any], Reply],
    order: Order,
    counts: BatchCounts,
    first: int,
    commands: AlikeOrders,
    stretch: tuple[int, int, Collection[int] | None],
    now: int,
    answered: list[Reply],
) -> None:
    """Check those orders of a stretch that are at some places, or all; the others are accepted.

    ``stretch`` is where it begins, where it ends, and the places. ``execute`` gets each as
    ``order``, since no policy keeps what it is given; ``executed`` makes its reply, or ``raised``
    of what it raises. ``first`` is the number of the first; replies are appended to ``answered``.
    """
    is_counted = commands.kind == EXECUTE_COUNTED
    # ``told`` is the place behind the last reply: since then, all have been accepted.
    told, behind, places = stretch
    for place in range(told, behind) if places is None else places:
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
                _accept(answered, place - told)
            append(answered, reply)
            told = place + 1
    if told < behind:
        _accept(answered, behind - told)
    count = len(commands)
    if is_counted and behind == count and places is not None and count - 1 not in places:
        _go_on_from_the_last(counts, commands)


def _accept(answered: list[Reply], orders: int) -> None:
    """Append that orders are accepted, or add them to those before."""
    if answered and answered[-1][0] == ACCEPTED:
        orders += answered.pop()[1]
    answered.append([ACCEPTED, orders])


def _go_on_from_the_last(counts: BatchCounts, commands: AlikeOrders) -> None:
    """Have the counts of the last order be those that the next one has which does not count."""
    counts.rank(commands.brokers[-1], commands.assets[-1], commands.orders.settlements[-1])
    counts.used = True
