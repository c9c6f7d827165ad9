"""The counts of the broker and asset axes, kept in the router for all shards."""

from __future__ import annotations

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy
from played import NOW, SECOND, STOPPED, Bench

from openpit.client.deadlines import Patience
from openpit.errors import FrameTooLarge, ShardOverloaded
from openpit.pretrade.policies.rate_limit_settings import Rate
from openpit.wire import frames as wire
from openpit.wire import kinds
from openpit.wire.axes import BROKER, NO_AXES


def test_counts_are_given_back_when_the_block_check_stops_an_order() -> None:
    bench = Bench(rate=5, assets=True)
    for _ in range(2):
        bench.client.execute(NOW + 2 * SECOND, buy(IN_SHARD_0))
    bench.client.execute(NOW + 2 * SECOND + 1, buy(IN_SHARD_1))
    counted = [command[-2:] for number in (0, 1) for command in bench.sent(number)]
    assert counted == [(1, 1), (2, 2), (3, 3)]
    bench.reply(0, STOPPED)
    bench.client.execute(NOW + 2 * SECOND + 2, buy(IN_SHARD_1))
    assert bench.sent(1)[0][-2:] == (3, 3)
    bench.reply(1, (kinds.ACCEPTED, 1), STOPPED)  # the last one
    bench.client.execute(NOW + 2 * SECOND + 3, buy(IN_SHARD_1))
    assert bench.sent(1)[0][-2:] == (3, 3)


def count(bench: Bench) -> int:
    """What the broker's window holds: the next order would be one more."""
    bench.client.start_dry_run(NOW + SECOND, buy(IN_SHARD_1))
    return int(bench.sent(1)[-1][3]) - 1


def retune(bench: Bench, broker: Rate | None) -> None:
    """Set or clear the broker's limit."""
    rows = () if broker is None else ((BROKER, None, broker.window),)
    bench.client.retune(NO_AXES._replace(since=NOW, rows=rows))


@pytest.mark.parametrize("assets", [False, True])
@pytest.mark.parametrize("batch", [False, True])
def test_counts_of_a_burst_that_is_blocked_are_all_given_back(batch: bool, assets: bool) -> None:
    bench = Bench(rate=100, assets=assets)
    orders = [buy(IN_SHARD_0) for _ in range(4)]
    times = [NOW + SECOND + place for place in range(4)]
    if batch:
        assert not bench.client.execute_many(NOW + SECOND, orders, times).feed()
    else:
        for now, order in zip(times, orders, strict=True):
            bench.client.execute(now, order)
    stopped = STOPPED
    bench.reply(0, stopped, stopped, stopped, (kinds.ACCEPTED, 1))  # the one that opened it first
    assert count(bench) == 1


def test_an_order_that_came_last_is_given_back_after_the_one_that_opened_its_window() -> None:
    bench = Bench(rate=100)
    now = NOW + SECOND
    for place, number in enumerate((IN_SHARD_0, IN_SHARD_1, IN_SHARD_0)):
        bench.client.execute(now + place, buy(number))
    bench.reply(0, STOPPED, STOPPED)
    assert count(bench) == 1


def test_a_batch_that_came_later_stays_counted() -> None:
    bench = Bench(rate=100)
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.client.execute_many(NOW + SECOND, [buy(IN_SHARD_1)] * 3, [NOW + SECOND] * 3).feed()
    bench.reply(0, STOPPED)
    assert count(bench) == 3


def test_an_order_given_back_at_once_has_not_been_even_where_the_clock_goes_back() -> None:
    bench = Bench(rate=100)
    for _ in range(2):
        bench.client.execute(NOW, buy(IN_SHARD_1))
    bench.client.execute(NOW + 3 * SECOND, buy(IN_SHARD_0))
    bench.reply(0, STOPPED)
    bench.client.start_dry_run(NOW + 1, buy(IN_SHARD_1))
    assert bench.sent(1)[-1][3] == 3


def test_a_batch_is_counted_order_by_order() -> None:
    bench = Bench(rate=100)
    times = [NOW, NOW, NOW + 1, NOW + 2 * SECOND, NOW + 2 * SECOND]
    orders = [buy(IN_SHARD_0) for _ in times]
    batch = bench.client.execute_many(times[-1], orders, times)
    while batch.feed():
        pass
    assert [command[-2] for command in bench.sent(0)] == [1, 2, 3, 1, 2]
    bench.reply(0, (kinds.ACCEPTED, 3), STOPPED, (kinds.ACCEPTED, 1))
    bench.client.start_dry_run(NOW + 2 * SECOND, buy(IN_SHARD_1))
    assert bench.sent(1)[-1][3] == 2


def test_a_batch_with_an_order_that_cannot_be_sent_counts_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(rate=100)
    times = [NOW, NOW, NOW + 2 * SECOND]
    orders = [buy(IN_SHARD_0), buy(IN_SHARD_0, "1.2345678901234567890"), buy(IN_SHARD_0)]
    monkeypatch.setattr(wire, "FRAME_BYTES", 82)
    batch = bench.client.execute_many(times[-1], orders, times)
    while batch.feed():
        pass
    monkeypatch.undo()
    bench.reply(0, (kinds.ACCEPTED, 1), STOPPED)
    with pytest.raises(ExceptionGroup, match="failed at index 1"):
        batch.result()
    bench.client.start_dry_run(NOW + 2 * SECOND, buy(IN_SHARD_1))
    assert bench.sent(1)[-1][3] == 1


def test_limits_that_come_in_the_middle_of_a_batch_count_from_there_on() -> None:
    bench = Bench(rate=100, credit=2)
    retune(bench, None)
    batch = bench.many(IN_SHARD_1, IN_SHARD_0, IN_SHARD_0, IN_SHARD_1)
    batch.feed()  # until a frame is full, of two rows here
    retune(bench, Rate(5, SECOND))
    batch.feed()
    kinds_sent = [command[0] for number in (0, 1) for command in bench.sent(number)]
    assert kinds_sent == [kinds.EXECUTE] * 3 + [kinds.EXECUTE_COUNTED]
    bench.reply(1, (kinds.ACCEPTED, 1), STOPPED)
    bench.client.start_dry_run(NOW, buy(IN_SHARD_1))
    assert bench.sent(1)[-1][3] == 1


def test_what_a_cleared_barrier_counted_is_not_given_back_to_a_new_one() -> None:
    bench = Bench(rate=100)
    bench.client.execute(NOW + SECOND, buy(IN_SHARD_0))
    assert not bench.many(IN_SHARD_0).feed()
    retune(bench, None)
    retune(bench, Rate(5, SECOND))
    bench.client.execute(NOW, buy(IN_SHARD_1))
    bench.reply(0, STOPPED, STOPPED)
    bench.client.start_dry_run(NOW, buy(IN_SHARD_1))
    assert bench.sent(1)[-1][3] == 2


def test_an_order_that_is_never_sent_is_not_counted() -> None:
    bench = Bench(rate=100, credit=1)
    client = bench.client
    client.execute(NOW + SECOND, buy(IN_SHARD_0))
    for end in ("expire", "abandon"):
        waiting = client.execute(NOW + SECOND, buy(IN_SHARD_0))
        batch = client.execute_many(NOW + SECOND, [buy(IN_SHARD_0)] * 2, [NOW + SECOND] * 2)
        while batch.feed():
            pass
        assert count(bench) == 4
        bench.reply(1, (kinds.DRY, None, (), (), None))
        batch.abandon()
        waiting.abandon() if end == "abandon" else waiting.expire("no answer within 5 s")
        assert count(bench) == 1
        bench.reply(1, (kinds.DRY, None, (), (), None))
    client.execute(NOW + SECOND, buy(IN_SHARD_0))
    client.router.lose(client.router.links[0], "killed")
    assert count(bench) == 1


def test_an_order_that_is_refused_for_want_of_credit_is_not_counted() -> None:
    bench = Bench(rate=100, credit=1, patience=Patience(max_wait=0))
    bench.client.execute(NOW + SECOND, buy(IN_SHARD_0))
    with pytest.raises(ShardOverloaded):
        bench.client.execute(NOW + SECOND, buy(IN_SHARD_0)).result()
    assert count(bench) == 1


def test_an_order_that_cannot_be_sent_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(rate=100)
    client = bench.client
    monkeypatch.setattr(wire, "FRAME_BYTES", 82)
    fine = "1.2345678901234567890"
    order = buy(IN_SHARD_0, fine)
    with pytest.raises(FrameTooLarge):
        client.execute(NOW + SECOND, order)
    with pytest.raises(FrameTooLarge):
        client.start_stage(NOW + SECOND, order)
    batch = client.execute_many(NOW + SECOND, [order] * 2, [NOW + SECOND] * 2)
    batch.feed()
    with pytest.raises(ExceptionGroup):
        batch.result()
    call = client.execute(NOW + SECOND, buy(None, fine))
    for number in (0, 1):
        bench.reply(number, (kinds.ANSWER, False))
    with pytest.raises(FrameTooLarge):
        call.result()
    monkeypatch.undo()
    assert count(bench) == 0


def test_an_order_of_no_account_that_a_block_stops_after_all_is_not_counted() -> None:
    bench = Bench(rate=100)
    call = bench.client.execute(NOW + SECOND, buy(None))
    for number in (0, 1):
        bench.reply(number, (kinds.ANSWER, False))
    assert count(bench) == 1
    bench.reply(0, STOPPED)
    assert not call.result().ok
    assert count(bench) == 0


def test_where_nothing_is_counted_nothing_is_given_back() -> None:
    bench = Bench()
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, STOPPED)
    assert bench.client.books.rates.told.rows == ()
