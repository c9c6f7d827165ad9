from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from openpit.loadtest.flow import DEPOSIT, ORDER, REPORT, Event, Load, flow
from openpit.loadtest.workload import load_workload

SMALL = load_workload("[accounts]\ncount = 100\n[funding]\ndeposit_every = 50")


def events(load: Load | None = None) -> list[Event]:
    return list(flow(load or Load(SMALL, seed=1, rate=1_000, orders=3_000)))


def orders(listed: list[Event]) -> list[Event]:
    return [event for event in listed if event[0] == ORDER]


def test_the_same_seed_gives_the_same_events_on_every_machine() -> None:
    found = events()

    assert found == events()
    assert hashlib.sha256(repr(found).encode()).hexdigest()[:16] == "5a3ad625111f54b5"


def test_another_seed_gives_other_events() -> None:
    assert events()[:10] != events(Load(SMALL, seed=2, rate=1_000, orders=3_000))[:10]


def test_orders_are_numbered_and_come_at_the_rate() -> None:
    found = orders(events())

    assert [event[1] for event in found] == list(range(1, 3_001))
    assert 2.8e9 < found[-1][2] < 3.2e9


def test_times_never_go_back() -> None:
    times = [event[2] for event in events()]

    assert times == sorted(times)


def test_even_arrivals() -> None:
    even = load_workload('[arrivals]\nprocess = "even"')

    found = orders(events(Load(even, seed=1, rate=1_000, orders=5)))

    assert [event[2] for event in found] == [1e6, 2e6, 3e6, 4e6, 5e6]


def test_fills_and_cancels_follow_their_order_and_never_exceed_it() -> None:
    placed: dict[int, tuple[int, Decimal]] = {}
    finished = set()
    for event in events():
        if event[0] == ORDER:
            placed[event[1]] = (event[3], Decimal(event[6]))
        elif event[0] == REPORT:
            number, account, quantity, left, is_final = (
                event[1],
                event[3],
                event[8],
                Decimal(event[9]),
                event[4],
            )
            assert number not in finished
            owner, open_quantity = placed[number]
            assert owner == account
            if quantity is None:
                assert (left, is_final) == (open_quantity, True)
            else:
                assert left == open_quantity - Decimal(quantity)
                assert is_final == (left == 0)
            placed[number] = (owner, left)
            if is_final:
                finished.add(number)

    assert len(finished) > 2_500


def test_nobody_sells_what_was_not_bought_and_filled() -> None:
    held: Counter[tuple[int, str]] = Counter()
    selling = 0
    for event in events():
        if event[0] == ORDER and not event[5] and event[6] not in {"0", "1000000000000"}:
            selling += 1
            held[event[3], event[4]] -= int(event[6])
            assert held[event[3], event[4]] >= 0
        elif event[0] == REPORT:
            _, _, _, account, _, symbol, is_buy, _, quantity, left, _, _ = event
            if is_buy and quantity is not None:
                held[account, symbol] += int(quantity)
            elif not is_buy and quantity is None:
                held[account, symbol] += int(left)

    assert selling > 300


def test_the_planted_rejects_are_the_share_that_was_asked_for() -> None:
    planted = [event for event in orders(events()) if event[6] in {"0", "1000000000000"}]

    assert 40 < len(planted) < 85  # 2 % of 3,000
    reported = {event[1] for event in events() if event[0] == REPORT}
    assert not reported & {event[1] for event in planted}


def test_market_orders_have_no_price() -> None:
    market = replace(SMALL, market=0.5)

    found = orders(events(Load(market, seed=1, rate=1_000, orders=1_000)))

    assert 430 < sum(event[7] is None for event in found) < 570


def test_a_deposit_for_every_so_many_orders() -> None:
    deposits = [event for event in events() if event[0] == DEPOSIT]

    assert len(deposits) == 60
    assert {event[4] for event in deposits} == {"5000"}


def test_cohorts_send_their_share_in_bursts() -> None:
    found = orders(events(Load(load_workload(), seed=1, rate=1_000, orders=5_000)))
    retail = [event[3] for event in found if event[3] <= 9_000]
    algorithms = [event[3] for event in found if event[3] > 9_900]

    assert 0.37 < len(retail) / 5_000 < 0.43
    assert 0.17 < len(algorithms) / 5_000 < 0.23
    changes = sum(first != second for first, second in itertools.pairwise(algorithms))
    assert 14 < len(algorithms) / changes < 28  # bursts of 20


def test_skew_makes_some_accounts_busier() -> None:
    skewed = Load(SMALL, seed=1, rate=1_000, orders=3_000, account_skew=1.5)

    def busiest_retail(load: Load | None) -> int:
        return Counter(e[3] for e in orders(events(load)) if e[3] <= 90).most_common(1)[0][1]

    assert busiest_retail(skewed) > 10 * busiest_retail(None)


def test_symbols_follow_zipfs_law() -> None:
    found = Counter(event[4] for event in orders(events()))

    assert found["S001"] > 1.5 * found["S002"] > 2 * found["S010"]


def test_only_the_accounts_that_are_loaded_send_orders() -> None:
    load = Load(SMALL, seed=1, rate=1_000, orders=500)

    found = {event[3] for event in flow(load, lambda account: account % 2 == 0)}

    assert found
    assert all(account % 2 == 0 for account in found)


def test_a_load_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="no account sends orders"):
        list(flow(Load(SMALL, seed=1, rate=1_000, orders=5), lambda _: False))
