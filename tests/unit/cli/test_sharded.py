"""A replay whose lines go to the workers as they are: what waits for what, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from staged import StagedWorkers

from openpit.cli.events import BadLine, Cancel, Fill, OrderPlaced
from openpit.cli.flows import dump
from openpit.cli.heads import FlowFormat
from openpit.cli.line_blocks import read_block
from openpit.cli.replay import ShardsDiedError
from openpit.cli.settling import AHEAD
from openpit.cli.sharded import ShardedReplay
from openpit.cli.totals import Totals
from openpit.errors import OutcomeUnknown
from openpit.limits.reading import loads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.cli.events import Event

# Account n is on shard n modulo 2.
FOUR_A_SECOND = """
[order_validation]
[rate_limit.broker]
max_orders = 4
window = "1s"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10"
"""
SECOND = 1_000_000_000


def order(key: int, account: int = 1, time: int | None = 1, quantity: str = "10") -> OrderPlaced:
    return OrderPlaced(key, account, "KO", "USD", "BUY", quantity, None, "100", time)


class Run:
    """A replay over two stages of this process."""

    def __init__(self, limits: str = "[order_validation]", batch: int = 1_024) -> None:
        self.workers = StagedWorkers(limits, FlowFormat(), 2)
        self.totals = Totals(2)
        self.lines: list[str] = []
        policies = loads(limits)
        self.replay = ShardedReplay(
            self.workers,
            FlowFormat(),
            self.totals,
            shard_of=lambda account: account.value % 2,
            batch=batch,
            limits=policies.broad_limits,
            starts=policies.starts,
            decided=self.lines.append,
        )

    def take(self, *events: Event | bytes | BadLine) -> Run:
        rows: list[Any] = [
            (number, event if isinstance(event, bytes | BadLine) else dump(event).strip().encode())
            for number, event in enumerate(events, start=1)
        ]
        self.replay.run([rows])
        return self

    @property
    def decisions(self) -> list[tuple[Any, Any, list[str]]]:
        """The orders, their accounts, and the codes of their rejects."""
        rows = [json.loads(line) for line in "".join(self.lines).splitlines()]
        return [
            (row["order"], row["account"], [reject["code"] for reject in row["rejects"]])
            for row in rows
        ]

    @property
    def bad(self) -> list[tuple[int, str]]:
        return [(bad.line, bad.reason) for bad in self.totals.first_bad]

    @property
    def sent(self) -> list[tuple[int, Sequence[bytes]]]:
        """What went to the shards: how many lines of which."""
        return [
            (shard, read_block(message).lines.split(b"\n"))
            for shard, message in self.workers.messages
        ]


def test_each_line_goes_to_its_accounts_shard_and_decisions_come_in_the_flows_order() -> None:
    run = Run().take(
        order(1, 2), order(2, 1), Fill(1, "4", "99", time=1), order(3, 2, quantity="0"), order(4, 1)
    )

    assert [(shard, len(lines)) for shard, lines in run.sent] == [(0, 3), (1, 2)]
    assert run.decisions == [(1, 2, []), (2, 1, []), (3, 2, ["InvalidFieldValue"]), (4, 1, [])]
    counts = [(tally.accounts, tally.orders, tally.reports) for tally in run.totals.tallies]
    assert counts == [(1, 2, 1), (1, 2, 0)]
    assert run.totals.events == 5
    assert run.totals.turnover.by_currency["USD"].fills == 1
    assert run.totals.tallies[0].latencies.percentile(1) is not None


def test_several_stretches_are_in_flight_before_any_is_waited_for() -> None:
    run = Run(batch=1)
    sent_at_answers: list[int] = []
    answer = run.workers.answer
    run.workers.answer = lambda call: (  # type: ignore[method-assign]
        sent_at_answers.append(len(run.workers.messages)) or answer(call)
    )

    run.take(*(order(key) for key in range(16)))  # two of each stretch, a line for each shard

    assert sent_at_answers == [AHEAD + 1, AHEAD + 2, AHEAD + 3, 8, 8, 8, 8, 8]


def test_lines_go_in_as_few_stretches_as_may_be_each_as_long_as_the_others() -> None:
    run = Run(batch=3)  # of each shard: so six of the flow

    run.take(*(order(key) for key in range(10)))

    blocks = [read_block(message).lines for _, message in run.workers.messages]
    assert [block.count(b"\n") + 1 for block in blocks] == [5, 5]


def test_bad_lines_are_told_in_the_flows_order_wherever_they_were_found() -> None:
    run = Run().take(
        order(1, 1, 5),
        Fill(1, "99", "99", time=5),  # found on shard 1
        b"[]",  # found here
        order(2, 2, 4),  # too early: found here, once all before it is known
        BadLine(5, "longer than 65536 bytes"),
        dump(order(3, 2, 6)).strip().encode().replace(b"BUY", b"buy"),  # found on shard 0
        order(4, 2, 6),
    )

    assert run.bad == [
        (2, "fill of 99, but 10 of order 1 is open"),
        (3, "not a JSON object"),
        (4, "time 4 is before that of the event before, 5"),
        (5, "longer than 65536 bytes"),
        (6, "side must be BUY or SELL, not 'buy'"),
    ]
    assert [row[0] for row in run.decisions] == [1, 4]
    assert run.totals.events == 2


def test_the_time_of_a_bad_line_is_not_that_of_the_event_before() -> None:
    run = Run().take(order(1, 1, 5), Fill(1, "99", "99", time=9), order(2, 2, 7), order(3, 1, 6))

    assert run.bad == [
        (2, "fill of 99, but 10 of order 1 is open"),
        (4, "time 6 is before that of the event before, 7"),
    ]


def test_an_event_without_a_time_comes_a_millisecond_after_the_last_good_one() -> None:
    run = Run().take(
        order(1, 1, 5), Fill(1, "99", "99", time=9), order(2, 2, None), order(3, 1, 1_000_004)
    )

    assert run.bad[1:] == [(4, "time 1000004 is before that of the event before, 1000005")]


def test_an_id_is_taken_by_the_first_order_that_is_one() -> None:
    run = Run().take(
        order(7, 1, quantity="x"),  # no order, so the id is free
        Cancel(7, time=1),  # of an order that the flow has not placed
        order(7, 2),
        order(7, 1),
        order(7, 2),
        Cancel(7, time=1),
    )

    assert [line for line, _ in run.bad] == [1, 4, 5]
    assert [reason for _, reason in run.bad[1:]] == ["order 7 was placed before"] * 2
    assert run.decisions == [(7, 2, [])]
    assert dict(run.totals.skipped) == {"order not placed in the flow before": 1}
    assert [tally.reports for tally in run.totals.tallies] == [1, 0]


def test_orders_that_are_far_from_a_limit_are_not_counted() -> None:
    run = Run(FOUR_A_SECOND).take(*(order(key, key, key * SECOND) for key in range(1, 9)))

    assert all(read_block(message).counts is None for _, message in run.workers.messages)
    assert [(shard, len(lines)) for shard, lines in run.sent] == [(0, 4), (1, 4)]


def test_orders_near_a_limit_say_what_they_count_as() -> None:
    run = Run(FOUR_A_SECOND).take(*(order(key, key) for key in range(1, 7)))

    assert [codes for _, _, codes in run.decisions] == [[]] * 4 + [["RateLimitExceeded"]] * 2
    counts = {shard: read_block(message).counts for shard, message in run.workers.messages}
    assert counts == {1: [(1, 0), (3, 0), (5, 0)], 0: [(2, 0), (4, 0), (6, 0)]}


def test_near_a_limit_an_order_waits_for_the_report_that_may_block_its_account() -> None:
    run = Run(FOUR_A_SECOND).take(
        order(1),
        Fill(1, "1", "100", pnl="-20", time=1),
        order(2),  # of an account that is blocked: it does not count
        *(order(key, 2) for key in range(3, 7)),
    )

    assert [codes for _, _, codes in run.decisions] == [
        *([], ["PnlKillSwitchTriggered"], [], [], [], ["RateLimitExceeded"]),
    ]
    assert [(shard, len(lines)) for shard, lines in run.sent] == [(1, 2), (0, 4), (1, 1)]


def test_near_a_limit_what_is_no_order_does_not_count() -> None:
    run = Run(FOUR_A_SECOND).take(
        *(order(key) for key in range(1, 4)),
        order(1, 8),  # a twin, of an account that has no order
        order(4, 2, quantity="x"),
        dump(order(5, 2)).strip().encode().replace(b"BUY", b"buy"),
        *(order(4), order(6)),
    )

    assert [line for line, _ in run.bad] == [4, 5, 6]
    assert [(key, codes) for key, _, codes in run.decisions] == [
        *((1, []), (2, []), (3, []), (4, []), (6, ["RateLimitExceeded"])),
    ]


def test_a_bad_line_of_a_later_time_hides_no_order_from_a_limit() -> None:
    run = Run(FOUR_A_SECOND, batch=1).take(
        *(order(key) for key in range(1, 3)),
        order(3, time=2**63 - 1, quantity="x"),
        *(order(key, 2, 2) for key in range(4, 7)),
    )

    assert [codes for _, _, codes in run.decisions] == [[], [], [], [], ["RateLimitExceeded"]]


def test_what_a_shard_does_not_answer_is_denied_and_ends_the_replay() -> None:
    run = Run(batch=1)
    run.workers.dead[0] = OutcomeUnknown("its worker was killed by signal 9", 0)

    with pytest.raises(ShardsDiedError) as died:
        run.take(order(1, 1), order(2, 1), order(3, 1), order(4, 2), order(5, 1), order(6, 2))

    assert died.value.shards == {0: "shard 0: its worker was killed by signal 9"}
    assert run.decisions == [
        *((1, 1, []), (2, 1, []), (3, 1, [])),
        (4, 2, ["SystemUnavailable"]),
    ]
    counts = [(tally.accepted, dict(tally.rejects)) for tally in run.totals.tallies]
    assert counts == [(0, {"SystemUnavailable": 1}), (3, {})]
    assert run.totals.tallies[0].refusals == {("Router", "SystemUnavailable"): 1}


def test_an_interrupt_leaves_the_totals_of_what_came_back() -> None:
    run = Run(batch=1)
    answer = run.workers.answer

    def interrupted(call: Any) -> Any:
        if run.lines:
            raise KeyboardInterrupt
        return answer(call)

    run.workers.answer = interrupted  # type: ignore[method-assign]

    with pytest.raises(KeyboardInterrupt):
        run.take(order(1), order(2), order(3))

    assert [row[0] for row in run.decisions] == [1]
    assert [tally.accepted for tally in run.totals.tallies] == [0, 1]


def test_a_flow_without_lines_ends() -> None:
    run = Run().take()

    assert run.workers.messages == []
    assert run.totals.events == 0
