"""A replay on an engine in this process: one lane, event after event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import openpit
from openpit.cli.course import FlowClock
from openpit.cli.flows import dump, event_of
from openpit.cli.generate import generate
from openpit.cli.lobster import reader
from openpit.cli.local import LocalReplay
from openpit.cli.replay import Replay
from openpit.cli.totals import StrictStopError, Totals
from openpit.limits.reading import loads

if TYPE_CHECKING:
    from openpit.cli.course import EventOf
    from openpit.cli.events import Event

LIMITS = """
[order_validation]
[rate_limit]
broker = {max_orders = 320, window = "30ms"}
[[rate_limit.account]]
account = 1
max_orders = 5
window = "9ms"
[order_size_limit]
broker = {max_quantity = "300", max_notional = "5000000"}
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-20"
"""

FLOW = [
    (
        b'{"event":"order","time":5,"order":1,"account":7,"symbol":"KO","currency":"USD",'
        b'"side":"BUY","quantity":"10","price":"100"}'
    ),
    (
        b'{"event":"order","time":6,"order":2,"account":7,"symbol":"KO","currency":"USD",'
        b'"side":"BUY","quantity":"0","price":"100"}'
    ),
    b'{"event":"fill","time":7,"order":2,"quantity":"1","price":"100"}',
    b'{"event":"fill","time":7,"order":1,"quantity":"11","price":"100"}',
    b'{"event":"fill","time":8,"order":1,"quantity":"4","price":"100","pnl":"-30"}',
    (
        b'{"event":"order","time":9,"order":3,"account":7,"symbol":"KO","currency":"USD",'
        b'"side":"BUY","quantity":"1","price":"100"}'
    ),
    b'{"event":"cancel","time":9,"order":1}',
    b'{"event":"cancel","time":9,"order":1}',
]


def decided(
    lines: list[bytes],
    *,
    batch: int = 1024,
    event_of: EventOf = event_of,
    totals: Totals | None = None,
) -> tuple[list[str], Totals]:
    written: list[str] = []
    totals = totals or Totals()
    clock = FlowClock()
    engine = loads(LIMITS).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    replay = LocalReplay(engine, clock, event_of, totals, batch=batch, decided=written.append)
    replay.run([list(enumerate(lines, start=1))])
    return written, totals


@pytest.mark.parametrize("batch", [1, 3, 1024])
def test_what_becomes_of_each_event(batch: int) -> None:
    told: list[tuple[int, str]] = []
    totals = Totals(complain=lambda bad: told.append((bad.line, bad.reason)))

    written, _ = decided(FLOW, batch=batch, totals=totals)

    decisions = [json.loads(line) for line in "".join(written).splitlines()]
    assert [(line["order"], line["accepted"]) for line in decisions] == [
        (1, True),
        (2, False),
        (3, False),
    ]
    (tally,) = totals.tallies
    assert (tally.accounts, tally.orders, tally.accepted, tally.rejected) == (1, 3, 1, 2)
    assert (tally.reports, tally.blocked, totals.events) == (2, 1, 7)
    assert tally.rejects == {"InvalidFieldValue": 1, "PnlKillSwitchTriggered": 1}
    assert totals.skipped == {"order rejected by the engine": 1, "order finished before": 1}
    assert told == [(4, "fill of 11, but 10 of order 1 is open")]
    assert str(totals.turnover.by_currency["USD"].traded) == "400"


def test_the_decisions_of_a_batch_are_handed_on_together() -> None:
    written, totals = decided(FLOW, batch=2)

    assert [part.count("\n") for part in written] == [2, 1]
    assert totals.tallies[0].latencies.percentile(1.0) is not None


def test_a_strict_replay_hands_on_what_came_before_the_bad_line() -> None:
    written: list[str] = []
    clock = FlowClock()
    totals = Totals(strict=True)
    engine = loads(LIMITS).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    replay = LocalReplay(engine, clock, event_of, totals, batch=99, decided=written.append)

    with pytest.raises(StrictStopError, match="line 4: fill of 11, but 10 of order 1 is open"):
        replay.run([list(enumerate(FLOW, start=1))])

    assert "".join(written).count("\n") == 2
    assert totals.tallies[0].orders == 2


def test_an_interrupt_in_a_batch_loses_no_decision() -> None:
    def interrupted(line: bytes) -> Event:
        if b'"order":3' in line:
            raise KeyboardInterrupt
        return event_of(line)

    written: list[str] = []
    totals = Totals()
    clock = FlowClock()
    engine = loads(LIMITS).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    replay = LocalReplay(engine, clock, interrupted, totals, batch=99, decided=written.append)

    with pytest.raises(KeyboardInterrupt):
        replay.run([list(enumerate(FLOW, start=1))])

    assert "".join(written).count("\n") == totals.tallies[0].orders == 2


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lane_decides_as_the_caller_of_shards_does(seed: int) -> None:
    flow = [dump(event).encode() for event in generate(orders=1_500, accounts=40, seed=seed)]
    expected: list[str] = []
    clock = FlowClock()
    totals = Totals()
    engine = loads(LIMITS).add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    Replay(engine, clock, event_of, totals, decided=expected.append).run(
        [list(enumerate(flow, start=1))]
    )

    written, counted = decided(flow)

    assert "".join(written) == "".join(expected)
    (one,), (other,) = counted.tallies, totals.tallies
    assert (one.accepted, one.rejects, one.refusals) == (
        other.accepted,
        other.rejects,
        other.refusals,
    )
    assert (one.accounts, one.reports, one.blocked) == (
        other.accounts,
        other.reports,
        other.blocked,
    )
    assert counted.skipped == +totals.skipped
    assert {
        currency: (sums.fills, str(sums.traded), str(sums.fees), str(sums.pnl))
        for currency, sums in counted.turnover.by_currency.items()
    } == {
        currency: (sums.fills, str(sums.traded), str(sums.fees), str(sums.pnl))
        for currency, sums in totals.turnover.by_currency.items()
    }


def test_what_concerns_no_order_is_counted_by_kind() -> None:
    lines = [b"34200.5,5,0,70,5853300,1", b"34200.5,7,0,0,-1,-1", b"34200.5,5,0,7,5853300,1"]

    written, totals = decided(lines, event_of=reader(symbol="AAPL", accounts=3))

    assert written == []
    assert totals.observations == {"hidden execution": 2, "trading halt": 1}
