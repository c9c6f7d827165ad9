from __future__ import annotations

from dataclasses import replace

import pytest
from load_plans import WORKLOAD, plan_of

from openpit.loadtest.oracle import find_truth, judge
from openpit.loadtest.plan import SECOND, Plan
from openpit.loadtest.recording import ACCEPTED, REJECTED, Recording
from openpit.loadtest.session import settled
from openpit.loadtest.spanning import unfit

POLICIES = """\
[order_validation]
[rate_limit]
broker = {max_orders = 40, window = "1h"}
asset = [
    {settlement_asset = "EUR", max_orders = 1, window = "1h"},
    {settlement_asset = "USD", max_orders = 30, window = "1h"},
]
[order_size_limit]
broker = {max_quantity = "500"}
"""
BROKER = (
    "RateLimitExceeded",
    "rate limit exceeded: broker barrier",
    "submitted 41 orders in 3600s window, max allowed: 40",
    "RateLimitPolicy",
    "order",
)
ASSET = (BROKER[0], "rate limit exceeded: asset barrier", *BROKER[2:])
SIZE = ("OrderQtyExceedsLimit", "order quantity exceeded", "", "OrderSizeLimitPolicy", "order")
BLOCKED = ("AccountBlocked", "blocked", "", "Engine", "account")


def plan(orders: int, **changes: object) -> Plan:
    return settled(plan_of(policies=POLICIES, clients=2, orders=orders, **changes))


def recorded(passed: int, *refused: tuple[tuple[str, ...], int]) -> Recording:
    """A run of so many orders that passed, then of so many that were refused by each of these."""
    recording = Recording(passed + sum(count for _, count in refused))
    number = 0
    for row, count in (((), passed), *refused):
        for _ in range(count):
            number += 1
            recording.asked[number], recording.decided[number] = number, number + 1
            recording.verdicts[number] = REJECTED if row else ACCEPTED
            if row:
                recording.rejects[number] = [row]
    return recording


def test_as_many_passed_as_may() -> None:
    assert unfit(plan(60), recorded(30, (ASSET, 10), (BROKER, 20))) == []


def test_too_many_passed() -> None:
    assert unfit(plan(60), recorded(33, (ASSET, 7), (BROKER, 20))) == [
        (3, "the asset barrier let 33 orders pass, where 30 may")
    ]


def test_orders_were_refused_too_early() -> None:
    assert unfit(plan(60), recorded(28, (ASSET, 6), (BROKER, 26))) == [
        (6, "the broker barrier refused orders after 34 of 40")
    ]


def test_what_a_block_has_stopped_counts_for_neither() -> None:
    assert unfit(plan(60), recorded(30, (BLOCKED, 5), (ASSET, 5), (BROKER, 20))) == []


def test_a_run_of_several_windows() -> None:
    policies = POLICIES.replace('30, window = "1h"', '30, window = "1s"')
    several = replace(plan(200), policies=policies)
    recording = recorded(100, (ASSET, 100))
    recording.decided[200] = 2 * SECOND  # begins one window before it, and two in it

    assert unfit(several, recording) == [
        (60, "the broker barrier let 100 orders pass, where 40 may"),
        (10, "the asset barrier let 100 orders pass, where 90 may"),
    ]
    recording.decided[200] = 2 * SECOND + 1  # and three in it
    assert unfit(replace(several, policies=policies.replace("40", "400")), recording) == []


@pytest.fixture(scope="module")
def run() -> tuple[Plan, Recording]:
    """One engine's decisions, as if clients had come in that order; some orders are too large."""
    policies = POLICIES.replace("500", "150")
    its = replace(plan(120), policies=policies, workload=WORKLOAD)
    return its, find_truth(its).recording


def test_the_oracle_takes_from_a_run_which_orders_such_a_limit_refused(
    run: tuple[Plan, Recording],
) -> None:
    its, recording = run
    truth = find_truth(its, beside=recording)

    assert len({rows[0][1] for rows in recording.rejects.values()}) > 1
    assert sum(len(rows) > 1 for rows in recording.rejects.values()) > 0
    assert (judge(truth, recording).wrong, unfit(its, recording)) == (0, [])


@pytest.mark.parametrize("change", ["one reject more", "one reject less", "another order's"])
def test_what_else_was_said_of_such_an_order_has_to_be_right(
    run: tuple[Plan, Recording], change: str
) -> None:
    its, recording = run
    changed = Recording(its.orders)
    changed.verdicts[:] = recording.verdicts
    changed.rejects = {number: list(rows) for number, rows in recording.rejects.items()}
    several = next(number for number, rows in changed.rejects.items() if len(rows) > 1)
    if change == "one reject more":
        changed.rejects[several].append(SIZE)
    elif change == "one reject less":
        del changed.rejects[several][1:]
    else:
        passed = changed.verdicts.index(ACCEPTED)
        changed.verdicts[passed] = REJECTED
        changed.rejects[passed] = [SIZE]

    assert judge(find_truth(its, beside=changed), changed).wrong == 1
