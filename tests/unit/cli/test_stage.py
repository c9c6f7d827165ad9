"""The replay's part in a worker."""

from __future__ import annotations

import pytest
from staged import StagedWorkers

from openpit.cli.events import Fill, OrderPlaced
from openpit.cli.flows import dump
from openpit.cli.heads import FlowFormat
from openpit.cli.line_blocks import BlockAnswer, LineBlock, read_answer, write

LIMITS = """
[order_validation]
[rate_limit.broker]
max_orders = 2
window = "1s"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10"
"""

ORDER = dump(OrderPlaced(1, 5, "KO", "USD", "BUY", "10", None, "100", 1)).strip().encode()
SECOND = ORDER.replace(b'"order":1', b'"order":2')
LOSS = dump(Fill(1, "4", "100", "0.5", "-20", time=2)).strip().encode()


@pytest.fixture
def workers() -> StagedWorkers:
    return StagedWorkers(LIMITS, FlowFormat(), 1)


def told(workers: StagedWorkers, block: LineBlock) -> BlockAnswer:
    return read_answer(workers.answer((0, write(block))))


def test_a_block_is_answered_with_its_decisions_and_with_all_counts_so_far(
    workers: StagedWorkers,
) -> None:
    first = told(workers, LineBlock(b"\n".join([ORDER, b"x", LOSS, SECOND])))
    second = told(workers, LineBlock(b'{"event":"cancel","order":9,"time":3}'))

    accepted, stopped = first.decisions.splitlines()
    assert accepted == b'{"order":1,"account":5,"accepted":true,"rejects":[]}'
    assert b"PnlKillSwitchTriggered" in stopped
    assert (first.orders, first.stopped, first.blocked) == (2, [1], ["5"])
    assert first.bad == [(1, "not JSON: Expecting value at column 1")]
    assert (second.decisions, second.orders, second.bad) == (b"", 0, [])
    assert (second.stopped, second.blocked) == ([], [])
    totals = second.totals
    assert (totals.accounts, totals.accepted, totals.reports, totals.blocked) == (1, 1, 1, 1)
    ((policy, code, count),) = totals.refusals
    assert (code, count) == ("PnlKillSwitchTriggered", 1)
    assert policy
    assert totals.skipped == {"order not placed in the flow before": 1}
    assert totals.money == [("USD", 1, "400", "0.5", "-20")]


def test_orders_count_as_their_block_says(workers: StagedWorkers) -> None:
    answer = told(workers, LineBlock(b"\n".join([ORDER, SECOND]), None, [(2, 0), (3, 0)]))

    first, second = answer.decisions.splitlines()
    assert b'"accepted":true' in first
    assert b"RateLimitExceeded" in second


def test_what_is_told_of_one_block_does_not_count_in_the_next(workers: StagedWorkers) -> None:
    told(workers, LineBlock(ORDER, None, [(3, 0)]))

    assert b'"accepted":true' in told(workers, LineBlock(SECOND)).decisions


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        ([ORDER], [None]),
        ([ORDER, LOSS, SECOND], [(1, 0), None, (2, 0)]),  # a block has stopped the second
        ([ORDER, ORDER], [(1, 0), (2, 0)]),  # the second is none
    ],
)
def test_an_order_that_does_not_count_as_foretold_is_an_error(
    workers: StagedWorkers, lines: list[bytes], counts: list[tuple[int, int] | None]
) -> None:
    with pytest.raises(RuntimeError, match="not counted as foretold"):
        told(workers, LineBlock(b"\n".join(lines), None, counts))


def test_decisions_that_nobody_wants_are_counted_and_not_told() -> None:
    answer = told(StagedWorkers(LIMITS, FlowFormat(), 1, tells=False), LineBlock(ORDER))

    assert (answer.decisions, answer.orders, answer.totals.accepted) == (b"", 1, 1)
