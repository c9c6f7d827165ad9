"""The hot path of volume: orders of a batch that are all alike, judged.

At once where every policy can tell that it has nothing against any, which is as a rule all there is
to do; the others one after another.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
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
    from openpit.pretrade.policy_contract import HeldRow
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

Stretch: TypeAlias = "tuple[int, int, Collection[int] | None]"
"""Where some of the orders begin, where they end, and the places of those that are to be judged one
by one; None: that is all of them."""

ACCEPTED: Final = kinds.ACCEPTED
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
REJECTED_ALIKE: Final = kinds.REJECTED_ALIKE


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
    """Judge the orders, of which ``first`` is the number of the first, and append the replies.

    What orders hold that are judged at once is kept in ``its``.
    """
    places = None if all_at_once is None else doubtful(all_at_once, counts, commands)
    holds = all_at_once is not None and all_at_once.holds and places is not None

    def check(start: int, behind: int, places: Collection[int] | None) -> None:
        stretch = start, behind, places
        if holds:
            hold_alike(plain, its, one_by_one, counts, first, commands, stretch, now, answered)
        else:
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


def hold_alike(
    plain: PlainHolds,
    its: Open,
    one_by_one: OneByOne,
    counts: BatchCounts,
    first: int,
    commands: AlikeOrders,
    stretch: Stretch,
    now: int,
    answered: list[Reply],
) -> None:
    """Hold what the orders of a stretch need, but check those at some places by themselves.

    The main stage decides by itself of what is not plain.
    """
    at, behind, found = stretch
    places = () if found is None else found
    orders = commands.to_hold(at, behind)
    execute, executed, raised, order = one_by_one
    by_itself = executed, raised, order, counts, first, commands
    main = plain.execute_main if plain.has_start else execute
    for place in (*places, behind):
        while at < place:
            rows: list[HeldRow] = []
            is_left = plain.hold(islice(orders, place - at), rows)
            if rows:
                plain.opens(rows, first + at, its)
                answered += rows
                at += len(rows)
            if is_left:
                one = at, at + 1, (at,)
                check_alike(main, *by_itself, one, now, answered, is_counted=False)
                at += 1
        if place < behind:
            check_alike(execute, *by_itself, (place, place + 1, (place,)), now, answered)
            next(orders)
            at = place + 1
    if commands.kind == EXECUTE_COUNTED:
        _end_stretch(counts, commands, behind, places)


def check_alike(
    execute: Callable[[Order, int], Checked],
    executed: Callable[[int, Checked, Any], Reply],
    raised: Callable[[BaseException, Any], Reply],
    order: Order,
    counts: BatchCounts,
    first: int,
    commands: AlikeOrders,
    stretch: Stretch,
    now: int,
    answered: list[Reply],
    *,
    is_counted: bool = True,
) -> None:
    """Check those orders of a stretch that are to be, one by one; the others are accepted.

    ``execute`` gets each as ``order``, since no policy keeps what it is given; ``executed`` makes
    its reply, or ``raised`` of what it raises. ``first`` is the number of the first; replies are
    appended to ``answered``. Orders that are not ``is_counted`` have counted already.
    """
    is_counted = is_counted and commands.kind == EXECUTE_COUNTED
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
    if is_counted and places is not None:
        _end_stretch(counts, commands, behind, places)


def _accept(answered: list[Reply], orders: int) -> None:
    """Append that orders are accepted, or add them to those before."""
    if answered and answered[-1][0] == ACCEPTED:
        orders += answered.pop()[1]
    answered.append([ACCEPTED, orders])


def _end_stretch(
    counts: BatchCounts, commands: AlikeOrders, behind: int, places: Collection[int]
) -> None:
    """If it is the last, have the counts of its last order be what an uncounted one has behind it.

    They are already where that order was judged by itself.
    """
    last = len(commands) - 1
    if behind > last and last not in places:
        counts.rank(commands.brokers[-1], commands.assets[-1], commands.orders.settlements[-1])
        counts.used = True
