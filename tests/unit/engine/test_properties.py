"""What holds for any orders, fills and adjustments of an engine that keeps funds."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import Scripted, account, deposit, engine_with, fill, order, reject
from strategies import ACCOUNTS, Trade, adjustments, orders, parts_of, prices, quantities, trades

import openpit
from openpit import param
from openpit.pretrade import PolicyAccountAdjustmentResult, policies

pytestmark = pytest.mark.one_python

RICH = "1000000"


def funded(*also: Any) -> openpit.Engine:
    """An engine whose accounts have plenty of cash, and some stock."""
    engine = engine_with(policies.build_spot_funds(), *also)
    for number in ACCOUNTS:
        engine.accounts().set_currency(account(number), "USD")
        engine.apply_account_adjustment(
            account(number), [deposit("USD", RICH), deposit("EUR", RICH), deposit("AAPL", "100")]
        )
    return engine


def funds(engine: openpit.Engine) -> dict[Any, Any]:
    """Everything that the policy keeps of accounts, figure by figure."""
    state: dict[Any, Any] = {}
    for number, kept in engine._core.policies[0]._funds.items():
        state[number] = kept.pnl
        for asset, slot in kept.slots.items():
            state[number, asset] = (
                slot.available,
                slot.held,
                slot.incoming,
                slot.average,
                slot.pnl,
            )
    return state


def play(engine: openpit.Engine, trade: Trade) -> bool:
    """Let a trade take its course; tell whether its fills took place."""
    reservation = engine.execute_pre_trade(trade.order()).reservation
    if reservation is None or trade.fate == "drop":
        return False
    if trade.fate == "rollback":
        reservation.rollback()
        return False
    lock = reservation.lock
    reservation.commit()
    remaining = trade.quantity
    for quantity, price in trade.fills:
        remaining -= quantity
        report(engine, trade, quantity, price, remaining, lock)
    if trade.cancelled and remaining:
        engine.apply_execution_report(
            openpit.ExecutionReport(
                operation=openpit.ExecutionReportOperation(
                    instrument=openpit.Instrument(*trade.instrument),
                    side=trade.side,
                    account_id=account(trade.account),
                ),
                fill=openpit.ExecutionReportFillDetails(
                    remaining_reserved_quantity=param.Quantity(remaining), lock=lock, is_final=True
                ),
            )
        )
    return True


def report(
    engine: openpit.Engine,
    trade: Trade,
    quantity: Decimal,
    price: Decimal,
    remaining: Decimal,
    lock: openpit.pretrade.Lock,
) -> None:
    result = engine.apply_execution_report(
        fill(
            trade.account,
            str(quantity),
            str(price),
            "0" if not remaining else str(remaining),
            lock=lock,
            side=trade.side,
            instrument=trade.instrument,
        )
    )
    assert result.account_blocks == []


@given(st.lists(trades(), max_size=6), orders(), st.booleans())
def test_a_rollback_restores_the_funds_exactly(
    history: list[Trade], last: openpit.Order, dropped: bool
) -> None:
    engine = funded()
    for trade in history:
        play(engine, trade)
    before = funds(engine)

    result = engine.execute_pre_trade(last)
    if not dropped and result.reservation is not None:
        result.reservation.rollback()
    del result

    assert funds(engine) == before


@given(st.lists(trades(), max_size=4), orders())
def test_a_dry_run_changes_nothing_and_says_what_the_order_is_told(
    history: list[Trade], last: openpit.Order
) -> None:
    engine = funded()
    for trade in history:
        play(engine, trade)
    before = funds(engine)

    dry = engine.execute_pre_trade_dry_run(last)
    assert funds(engine) == before

    result = engine.execute_pre_trade(last)
    assert dry.is_pass == result.ok
    assert [reject.details for reject in dry.rejects or ()] == [
        reject.details for reject in result.rejects
    ]
    if result.reservation is not None:
        assert dry.lock == result.reservation.lock
        assert [item.entry.asset for item in dry.account_adjustments] == [
            item.entry.asset for item in result.reservation.account_adjustments
        ]


@given(st.data(), quantities, prices, st.sampled_from(param.Side))
def test_a_full_fill_leaves_nothing_held_and_nothing_expected(
    data: st.DataObject, quantity: Decimal, limit: Decimal, side: param.Side
) -> None:
    engine = funded()
    trade = Trade(1, side, ("AAPL", "USD"), quantity, limit, "commit", (), False)
    fills = [(part, data.draw(prices)) for part in data.draw(parts_of(quantity))]

    assert play(engine, trade._replace(fills=tuple(fills)))

    for asset in ("AAPL", "USD"):
        _, held, incoming, _, _ = funds(engine)[1, asset]
        assert (held, incoming) == (0, 0)


@given(st.lists(trades(), min_size=1, max_size=12))
def test_cash_and_the_cost_of_fills_add_up_to_what_was_there(history: list[Trade]) -> None:
    engine = funded()
    expected: Counter[tuple[int, str]] = Counter()
    for number in ACCOUNTS:
        expected[number, "USD"] = expected[number, "EUR"] = Decimal(RICH)
        expected[number, "AAPL"] = Decimal(100)

    for trade in history:
        if not play(engine, trade):
            continue
        sign = 1 if trade.side == param.Side.BUY else -1
        bought, paid = trade.instrument
        for quantity, price in trade.fills:
            expected[trade.account, bought] += sign * quantity
            expected[trade.account, paid] -= sign * quantity * price

    state = funds(engine)
    for key, amount in expected.items():
        available, held, *_ = state.get(key, (0, 0))
        assert available + held == amount


# --- adjustments -------------------------------------------------------------------------------


def change(
    asset: str, balance: param.AdjustmentAmount, **bounds: object
) -> openpit.AccountAdjustment:
    return openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
        amount=openpit.AccountAdjustmentAmount(balance=balance),
        bounds=openpit.AccountAdjustmentBounds(**bounds) if bounds else None,
    )


OUT_OF_BOUNDS = [change("USD", param.AdjustmentAmount.absolute(10), balance_upper=9)]
WITHOUT_ASSET = [openpit.AccountAdjustment()]
OVERFLOWING = [
    change("JPY", param.AdjustmentAmount.absolute("79228162514264337593543950335")),
    change("JPY", param.AdjustmentAmount.delta(1)),
]


@pytest.mark.parametrize("refused", [OUT_OF_BOUNDS, WITHOUT_ASSET, OVERFLOWING])
@given(
    history=st.lists(trades(), max_size=3),
    first=st.lists(adjustments(), max_size=4),
    last=st.lists(adjustments(), max_size=2),
)
def test_a_batch_that_is_refused_leaves_no_trace(
    refused: list[openpit.AccountAdjustment],
    history: list[Trade],
    first: list[openpit.AccountAdjustment],
    last: list[openpit.AccountAdjustment],
) -> None:
    engine = funded()
    for trade in history:
        play(engine, trade)
    before = funds(engine)

    result = engine.apply_account_adjustment(account(1), [*first, *refused, *last])

    assert result.failed_index == len(first) + len(refused) - 1
    assert result.outcomes == []
    assert funds(engine) == before


class Stopping(Scripted):
    """Lets so many adjustments pass, then stops the batch."""

    passing = 1_000_000
    raises = False

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        self.passing -= 1
        if self.passing >= 0:
            return PolicyAccountAdjustmentResult()
        if self.raises:
            raise ValueError("broken")
        return PolicyAccountAdjustmentResult(rejects=(reject("no"),))


@given(st.lists(adjustments(), min_size=1, max_size=5), st.integers(0, 4), st.booleans())
def test_a_batch_that_another_policy_stops_leaves_no_trace(
    batch: list[openpit.AccountAdjustment], passing: int, raises: bool
) -> None:
    policy = Stopping()
    engine = funded(policy)
    before = funds(engine)
    policy.passing, policy.raises = min(passing, len(batch) - 1), raises

    if raises:
        with pytest.raises(ValueError, match=r"^broken$"):
            engine.apply_account_adjustment(account(1), batch)
    else:
        assert not engine.apply_account_adjustment(account(1), batch)

    assert funds(engine) == before


@given(batch=st.lists(adjustments(), max_size=5))
def test_a_batch_changes_what_its_adjustments_change_one_by_one(
    batch: list[openpit.AccountAdjustment],
) -> None:
    together, alone = funded(), funded()

    assert together.apply_account_adjustment(account(1), batch)
    for adjustment in batch:
        assert alone.apply_account_adjustment(account(1), [adjustment])

    assert funds(together) == funds(alone)


def test_the_funds_that_these_tests_compare_are_all_there_is() -> None:
    engine = funded()

    engine.execute_pre_trade(order(1, "2", "100")).reservation.commit()

    assert funds(engine)[1, "USD"][:3] == (Decimal(999800), 200, 0)
    assert funds(engine)[1, "AAPL"][:3] == (100, 0, 2)
