"""Replay on engines in this process: real ones, and one that fails as a router does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import openpit
from openpit.cli.book import Book, TicketReport
from openpit.cli.course import FlowClock
from openpit.cli.decisions import accepted_line, quoted, rejected_line
from openpit.cli.events import BadLine, Cancel, Fill, Observation, OrderPlaced
from openpit.cli.generate import generate
from openpit.cli.replay import BATCH, Replay, ShardsDiedError
from openpit.cli.totals import StrictStopError, Totals
from openpit.errors import OutcomeUnknown, ShardCallbackError, ShardDown
from openpit.limits.reading import loads
from openpit.pretrade.rejects import Reject
from openpit.pretrade.results import ExecuteResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.cli.events import Event
    from openpit.cli.lines import Line

ALL_POLICIES = """
[order_validation]
[rate_limit]
broker = {max_orders = 320, window = "30ms"}
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 290
window = "31ms"
[[rate_limit.account]]
account = 1
max_orders = 5
window = "9ms"
[order_size_limit]
broker = {max_quantity = "300", max_notional = "5000000"}
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-20"
"""


def order(
    key: int, account: int = 1, *, time: int | None = None, quantity: str = "10"
) -> OrderPlaced:
    return OrderPlaced(key, account, "KO", "USD", "BUY", quantity, None, "100", time)


def fill(key: int, quantity: str = "4", *, pnl: str | None = None) -> Fill:
    return Fill(key, quantity, "99", None, pnl)


def read(event: Any) -> Event:
    """Read a line that is an event already."""
    return event  # type: ignore[no-any-return]  # that is what the tests write


def numbered(events: Iterable[Event | BadLine]) -> list[list[Line]]:
    return [list(enumerate(events, start=1))]  # type: ignore[misc]  # as above


class Recorder:
    """An engine of one process that notes each call and the time of each order."""

    def __init__(self, config: str = "[order_validation]") -> None:
        self.clock = FlowClock()
        self.engine = (
            loads(config).add_to(openpit.Engine.builder().clock(self.clock).no_sync()).build()
        )
        self.calls: list[str] = []
        self.times: list[int] = []

    def execute_pre_trade_many(self, orders: Iterable[openpit.Order]) -> list[ExecuteResult]:
        noted = []
        for item in orders:
            noted.append(item)
            self.times.append(self.clock.now)
        self.calls.append(f"{len(noted)} orders")
        results: list[ExecuteResult] = self.engine.execute_pre_trade_many(noted)
        return results

    def commit_many(self, reservations: Sequence[object]) -> None:
        self.calls.append(f"commit {len(reservations)}")
        self.engine.commit_many(reservations)

    def apply_execution_report_many(
        self, reports: Sequence[openpit.ExecutionReport]
    ) -> list[openpit.PostTradeResult]:
        self.calls.append(f"{len(reports)} reports")
        results: list[openpit.PostTradeResult] = self.engine.apply_execution_report_many(reports)
        return results


def replayed(
    events: Iterable[Event | BadLine], *, config: str = ALL_POLICIES, batch: int = BATCH
) -> tuple[list[str], Totals]:
    lines: list[str] = []
    clock = FlowClock()
    totals = Totals()
    engine = loads(config).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    Replay(engine, clock, read, totals, batch=batch, decided=lines.append).run(numbered(events))
    return lines, totals


def one_by_one(events: Iterable[Event], *, config: str = ALL_POLICIES) -> list[str]:
    """Decide a flow with neither batches nor anything else of a replay but its book."""
    clock = FlowClock()
    engine = loads(config).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    book = Book(lambda _: 0)
    lines = []
    for event in events:
        assert event.time is not None
        clock.now = event.time
        report: TicketReport | None = None
        if isinstance(event, OrderPlaced):
            ticket = book.place(event)
            assert ticket.order is not None
            result = engine.execute_pre_trade(order=ticket.order)
            book.decided(ticket, accepted=result.ok)
            if result.ok:
                result.reservation.commit()
            name = quoted(event.account)
            lines.append(
                accepted_line(event.key, name)
                if result.ok
                else rejected_line(event.key, name, result.rejects)
            )
        elif isinstance(event, Fill):
            report = book.fill(event)
        elif isinstance(event, Cancel):
            report = book.cancel(event)
        if report is not None:
            engine.apply_execution_report(report=report.execution_report())
    return lines


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2, 7, BATCH])
def test_batches_decide_as_event_after_event_would(seed: int, batch: int) -> None:
    flow = list(generate(orders=1_500, accounts=40, seed=seed))

    lines, totals = replayed(flow, batch=batch)

    assert lines == one_by_one(flow)
    (tally,) = totals.tallies
    assert tally.orders == 1_500
    assert tally.accepted + tally.rejected == 1_500
    assert {"RateLimitExceeded", "PnlKillSwitchTriggered", "InvalidFieldValue"} <= set(
        tally.rejects
    )
    assert tally.accounts == len({e.account for e in flow if isinstance(e, OrderPlaced)})


def test_orders_of_a_batch_each_have_their_own_time() -> None:
    engine = Recorder()

    Replay(engine, engine.clock, read, Totals()).run(
        numbered([order(1, time=500), order(2, time=700), order(3)])
    )

    assert engine.calls == ["3 orders", "commit 3"]
    assert engine.times == [500, 700, 1_000_700]


def test_an_order_after_a_report_of_its_account_ends_the_batch() -> None:
    engine = Recorder()

    Replay(engine, engine.clock, read, Totals()).run(
        numbered([order(1), order(2, 2), fill(1), order(3, 2), order(4, 1)])
    )

    assert engine.calls == ["3 orders", "commit 3", "1 reports", "1 orders", "commit 1"]


def test_a_report_goes_ahead_of_a_batch_that_has_no_order_of_its_account() -> None:
    engine = Recorder()

    Replay(engine, engine.clock, read, Totals(), batch=2).run(
        numbered([order(1, 1), order(2, 2), order(3, 3), fill(1), order(4, 1)])
    )

    assert engine.calls == ["2 orders", "commit 2", "1 reports", "2 orders", "commit 2"]


def test_a_batch_ends_at_its_limit() -> None:
    engine = Recorder()

    Replay(engine, engine.clock, read, Totals(), batch=2).run(
        numbered(order(key, key) for key in range(1, 6))
    )

    assert engine.calls == ["2 orders", "commit 2", "2 orders", "commit 2", "1 orders", "commit 1"]


def test_reports_of_a_rejected_order_never_reach_the_engine() -> None:
    engine = Recorder()
    totals = Totals()
    replay = Replay(engine, engine.clock, read, totals)

    replay.run(numbered([order(1, quantity="0"), fill(1, "0"), order(2, 2), fill(2)]))

    assert engine.calls == ["2 orders", "commit 1", "1 reports"]
    assert totals.tallies[0].reports == 1
    assert totals.skipped == {"order rejected by the engine": 1}


@pytest.mark.parametrize("batch", [1, BATCH])
def test_whatever_comes_of_a_rejected_order_is_left_out(batch: int) -> None:
    """Also what would be wrong if it had been accepted, for any batch."""
    engine = Recorder()
    totals = Totals()

    Replay(engine, engine.clock, read, totals, batch=batch).run(
        numbered(
            [
                *(order(1, quantity="0"), fill(1, "5")),
                *(order(2, quantity="0"), Cancel(2), Cancel(2)),
                *(order(3), fill(3, "10"), fill(3, "1")),
            ]
        )
    )

    assert totals.bad_lines == 0
    assert +totals.skipped == {"order rejected by the engine": 3, "order finished before": 1}


def test_an_account_blocked_by_a_report_is_counted_once() -> None:
    _, totals = replayed([order(1), fill(1, pnl="-50"), order(2), order(3)])

    (tally,) = totals.tallies
    assert tally.blocked == 1
    assert tally.rejects == {"PnlKillSwitchTriggered": 2}


def test_an_order_of_a_blocked_account_ends_its_call() -> None:
    engine = Recorder(ALL_POLICIES)

    Replay(engine, engine.clock, read, Totals()).run(
        numbered(
            [order(1, 1), fill(1, pnl="-50"), order(2, 2), order(3, 1), order(4, 3), order(5, 1)]
        )
    )

    assert engine.calls == [
        *("2 orders", "commit 2", "1 reports"),
        "1 orders",  # of account 1, which is blocked by now
        *("2 orders", "commit 1"),
    ]


def test_accounts_are_counted_where_they_live() -> None:
    engine = Recorder()
    totals = Totals(2)
    replay = Replay(engine, engine.clock, read, totals, shard_of=lambda account: account.value % 2)

    replay.run(numbered([order(1, 1), order(2, 2), order(3, 3), order(4, 3), fill(2)]))

    assert [tally.accounts for tally in totals.tallies] == [1, 2]
    assert [tally.orders for tally in totals.tallies] == [1, 3]
    assert [tally.reports for tally in totals.tallies] == [1, 0]


def test_bad_lines_are_told_and_left_out() -> None:
    engine = Recorder()
    told: list[tuple[int, str]] = []
    totals = Totals(complain=lambda bad: told.append((bad.line, bad.reason)))
    replay = Replay(engine, engine.clock, read, totals)

    replay.run(
        numbered(
            [
                order(1, time=900),
                BadLine(2, "not UTF-8 text"),
                order(1, time=950),
                order(2, time=899),
                fill(1, "11"),
                order(3, time=900),
            ]
        )
    )

    assert told == [
        (2, "not UTF-8 text"),
        (3, "order 1 was placed before"),
        (4, "time 899 is before that of the event before, 900"),
        (5, "fill of 11, but 10 of order 1 is open"),
    ]
    assert totals.bad_lines == 4
    assert engine.times == [900, 900]


def test_strict_decides_what_came_before_the_first_bad_line_and_stops() -> None:
    engine = Recorder()
    replay = Replay(engine, engine.clock, read, Totals(strict=True))

    with pytest.raises(StrictStopError, match="line 3: not UTF-8 text"):
        replay.run(numbered([order(1), fill(1), BadLine(3, "not UTF-8 text"), order(4)]))

    assert engine.calls == ["1 orders", "commit 1", "1 reports"]


def test_observations_are_counted_by_kind() -> None:
    engine = Recorder()
    totals = Totals()
    replay = Replay(engine, engine.clock, read, totals)

    replay.run(numbered([Observation("trading halt", 5), Observation("trading halt", 5)]))

    assert totals.observations == {"trading halt": 2}
    assert engine.calls == []


# --- shards that die -----------------------------------------------------------------------------


class DeadShard(Recorder):
    """Denies what account 2 asks for, as a router does for a shard that is gone."""

    def execute_pre_trade_many(self, orders: Iterable[openpit.Order]) -> list[ExecuteResult]:
        down = Reject._of(
            "SystemUnavailable", "shard is not available", "shard 1: killed", "Router", "order"
        )
        return [
            ExecuteResult._of(None, [down])
            if item.operation.account_id.value == 2
            else self.engine.execute_pre_trade(order=item)
            for item in orders
        ]


def test_a_denial_by_the_router_ends_the_replay_and_names_the_shard() -> None:
    engine = DeadShard()
    lines: list[str] = []
    totals = Totals(2)
    replay = Replay(
        engine,
        engine.clock,
        read,
        totals,
        shard_of=lambda account: account.value - 1,
        decided=lines.append,
        batch=2,
    )

    with pytest.raises(ShardsDiedError) as caught:
        replay.run(numbered([order(1, 1), order(2, 2), order(3, 1)]))

    assert caught.value.shards == {1: "shard 1: killed"}
    assert str(caught.value) == "shard 1: killed"
    assert [json.loads(line)["accepted"] for line in lines] == [True, False]
    assert [tally.orders for tally in totals.tallies] == [1, 1]
    assert totals.tallies[1].rejects == {"SystemUnavailable": 1}
    assert totals.tallies[1].blocked == 0


class FailingCommits(Recorder):
    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self.failures = failures

    def commit_many(self, reservations: Sequence[object]) -> None:
        super().commit_many(reservations)
        raise ExceptionGroup("commit_many failed at index 0, 1", self.failures)


def test_a_commit_whose_answer_is_lost_ends_the_replay_and_names_the_shards() -> None:
    engine = FailingCommits(
        OutcomeUnknown("the answer is lost", 1), ShardDown("shard 0 is down", 0), ShardDown("x", 1)
    )

    with pytest.raises(ShardsDiedError) as caught:
        Replay(engine, engine.clock, read, Totals(2)).run(numbered([order(1)]))

    assert caught.value.shards == {1: "the answer is lost", 0: "shard 0 is down"}


def test_any_other_failure_is_not_taken_for_a_dead_shard() -> None:
    engine = FailingCommits(ShardDown("x", 1), ShardCallbackError("a policy raised", 0))

    with pytest.raises(ExceptionGroup, match="commit_many failed"):
        Replay(engine, engine.clock, read, Totals(2)).run(numbered([order(1)]))
