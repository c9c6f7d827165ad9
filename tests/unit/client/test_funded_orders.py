"""Plain orders of spot funds: what a shard says in short is told as the whole of it would be."""

from __future__ import annotations

from typing import Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy
from played import NOW, Bench

from openpit.errors import WireError
from openpit.wire import kinds


def funded(balance: str = "8145.00", held: str = "1855.0", incoming: str = "10") -> tuple[Any, ...]:
    """The reply to a purchase of 10 at 185.5."""
    order = ("AAPL", "USD", True, "10", "185.5")
    return (kinds.FUNDED, IN_SHARD_0, 3, *order, balance, held, incoming)


def full(balance: str, held: str, incoming: str) -> tuple[Any, ...]:
    """The same in full, as of an order that is not plain."""
    paid = (3, "USD", f"-1855.0|{balance};1855.0|{held};;;", None)
    return (kinds.RESERVED, True, ((3, "185.5"),), (paid, (3, "AAPL", f";;10|{incoming};;", None)))


def figures(reservation: Any) -> list[Any]:
    """What a program reads of a reservation, its decimals by their texts."""
    found: list[Any] = [reservation.lock]
    for outcome in reservation.account_adjustments:
        entry = outcome.entry
        pairs = (entry.balance, entry.held, entry.incoming)
        told = [pair and (str(pair.delta), str(pair.absolute)) for pair in pairs]
        found.append((outcome.policy_group_id, entry.asset, told, entry.average_entry_price))
    return found


def many(bench: Bench, count: int) -> Any:
    call: Any = bench.client.execute_many(NOW, [buy(IN_SHARD_0)] * count, [NOW] * count)
    assert not call.feed()
    assert len(bench.sent(0)) == count
    return call


def test_one_order_has_the_lock_and_the_outcomes_of_a_full_reply() -> None:
    bench = Bench()
    calls = [bench.client.execute(NOW, buy(IN_SHARD_0)) for _ in range(2)]
    bench.reply(0, funded())
    bench.reply(0, full("8145.00", "1855.0", "10"))
    short, whole = (call.result().reservation for call in calls)
    assert figures(short) == figures(whole)
    assert figures(short)[1][2] == [("-1855.0", "8145.00"), ("1855.0", "1855.0"), None]


def test_orders_of_a_call_of_many_have_each_their_own() -> None:
    bench = Bench()
    call = many(bench, 3)
    told = [("8145.00", "1855.0", "10"), ("6290.00", "3710.0", "20"), ("0.00", "9000.00", "30")]
    bench.reply(0, *[funded(*one) for one in told])
    reservations = [result.reservation for result in call.result()]
    other = many(bench, 3)
    bench.reply(0, *[full(*one) for one in told])
    wholes = [result.reservation for result in other.result()]
    assert [*map(figures, reservations)] == [*map(figures, wholes)]
    assert [one._handle for one in reservations] == [1, 2, 3]
    assert [one._account for one in reservations] == [IN_SHARD_0] * 3


def test_other_replies_among_them_are_taken_one_by_one() -> None:
    bench = Bench()
    call = many(bench, 3)
    bench.reply(0, funded(), full("6290.00", "3710.0", "20"), (kinds.REJECTED, ()))
    one, other, refused = call.result()
    assert (one.ok, other.ok, refused.ok) == (True, True, False)
    assert figures(one.reservation)[0] == figures(other.reservation)[0]


def test_they_are_committed_by_their_numbers_and_dropped_ones_are_let_go_of() -> None:
    bench = Bench()
    call = many(bench, 3)
    bench.reply(0, *[funded()] * 3)
    first, second, _ = call.result()
    commit: Any = bench.client.commit_many(NOW, [second.reservation, first.reservation])
    commit.feed()
    assert bench.sent(0) == [(kinds.COMMIT_MANY, None, (2, 1))]
    bench.reply(0, (kinds.DONE, 1))
    assert all(commit.result())
    with pytest.raises(RuntimeError):
        _ = first.reservation.lock
    call.value = None
    del _
    bench.client.execute(NOW, buy(IN_SHARD_1))
    assert bench.sent(0) == [(kinds.DROP, None, (3,))]


def test_who_has_gone_by_then_holds_nothing() -> None:
    bench = Bench()
    call = many(bench, 2)
    call.abandon()
    bench.reply(0, *[funded()] * 2)
    assert [handle for _, handle in bench.router.books.dropped] == [1, 2]


@pytest.mark.parametrize("count", [1, 2])
def test_it_answers_nothing_but_an_order(count: int) -> None:
    bench = Bench()
    call = many(bench, count)
    bench.reply(0, *[funded()] * count)
    handles = [result.reservation for result in call.result()]
    bench.client.commit_many(NOW, handles).feed()  # type: ignore[attr-defined]
    bench.sent(0)
    with pytest.raises(WireError, match="not a reply to this command"):
        bench.reply(0, funded())
