"""Realized PnL outside its bounds stops an account."""

from __future__ import annotations

import re
from typing import Any

import pytest
from makers import account, block_fields, engine_with, order, pnl_report, reject_fields

import openpit
from openpit.pretrade import policies

NAME = "PnlBoundsKillSwitchPolicy"
LARGEST = "79228162514264337593543950335"


def bounds(asset: str = "USD", lower: Any = None, upper: Any = None) -> Any:
    return policies.PnlBoundsBrokerBarrier(asset, lower_bound=lower, upper_bound=upper)


def broker(*barriers: Any) -> Any:
    return policies.build_pnl_bounds_killswitch().broker_barriers(*barriers)


def of_account(number: int, barrier: Any, initial: Any = 0) -> Any:
    return policies.PnlBoundsAccountAssetBarrier(barrier, account(number), initial)


def blocks(engine: openpit.Engine, report: openpit.ExecutionReport) -> list[Any]:
    return [block_fields(block) for block in engine.apply_execution_report(report).account_blocks]


def triggered(details: str) -> tuple[str, str, str, str]:
    return "PnlKillSwitchTriggered", "pnl kill switch triggered", details, NAME


# --- reports -----------------------------------------------------------------------------------


def test_realized_pnl_adds_up_and_a_positive_fee_is_a_cost() -> None:
    engine = engine_with(broker(bounds(lower="-100")))

    assert blocks(engine, pnl_report(1, "-90", "9.5")) == []
    assert blocks(engine, pnl_report(1, "0", "0.5")) == []
    # -90 - 9.5 - 0.5 = -100: the bound itself is inside.
    assert engine.execute_pre_trade(order(1))
    assert blocks(engine, pnl_report(1, "0.25", "0.30")) == [
        triggered("realized pnl -100.05, settlement asset USD")
    ]


def test_every_report_of_an_account_outside_asks_for_a_block() -> None:
    engine = engine_with(broker(bounds(upper="50")))

    assert blocks(engine, pnl_report(1, "51")) == [
        triggered("realized pnl 51, settlement asset USD")
    ]
    assert blocks(engine, pnl_report(1, "1")) == [
        triggered("realized pnl 52, settlement asset USD")
    ]
    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        (
            "PnlKillSwitchTriggered",
            "pnl kill switch triggered",
            "realized pnl 51, settlement asset USD",
            NAME,
            "account",
        )
    ]
    assert blocks(engine, pnl_report(1, "-2")) == []


def test_accounts_and_settlement_assets_are_counted_apart() -> None:
    engine = engine_with(broker(bounds(lower="-100"), bounds("EUR", lower="-10")))

    assert blocks(engine, pnl_report(1, "-60")) == []
    assert blocks(engine, pnl_report(2, "-60")) == []
    assert blocks(engine, pnl_report(1, "-60", instrument=("SAP", "JPY"))) == []
    assert blocks(engine, pnl_report(1, "-11", instrument=("SAP", "EUR"))) == [
        triggered("realized pnl -11, settlement asset EUR")
    ]


def test_pnl_is_counted_before_any_barrier_asks_for_it() -> None:
    engine = engine_with(broker(bounds("EUR", lower="-10")))
    assert blocks(engine, pnl_report(1, "-60")) == []

    engine.configure().pnl_bounds_killswitch(NAME, broker_barriers=[bounds("USD", lower="-50")])

    assert not engine.execute_pre_trade(order(1))


@pytest.mark.parametrize(
    ("report", "label", "path"),
    [
        (openpit.ExecutionReport(), "instrument", "operation.instrument"),
        (pnl_report(None, "5"), "instrument", "operation.instrument"),
        (pnl_report(1), "P&L", "financial_impact.pnl"),
    ],
    ids=["empty", "impact alone", "no impact"],
)
def test_a_report_must_say_what_was_earned_by_whom(
    report: openpit.ExecutionReport, label: str, path: str
) -> None:
    assert blocks(engine_with(broker(bounds(lower="-100"))), report) == [
        (
            "MissingRequiredField",
            f"failed to access required field '{label}'",
            f"failed to access field '{path}'",
            NAME,
        )
    ]


def test_a_sum_that_does_not_fit_asks_for_a_block_and_changes_nothing() -> None:
    engine = engine_with(broker(bounds(lower=f"-{LARGEST}")))

    assert blocks(engine, pnl_report(1, LARGEST, "-1")) == [
        (
            "OrderValueCalculationFailed",
            "pnl accumulation overflow",
            f"pnl + fee overflow: pnl {LARGEST}, fee -1, settlement asset USD",
            NAME,
        )
    ]
    assert blocks(engine, pnl_report(1, LARGEST)) == []
    assert blocks(engine, pnl_report(1, "5", "3")) == [
        (
            "OrderValueCalculationFailed",
            "pnl accumulation overflow",
            (
                f"realized pnl + pnl_with_fee overflow: previous {LARGEST}, increment 2, "
                "settlement asset USD"
            ),
            NAME,
        )
    ]
    assert blocks(engine, pnl_report(1, f"-{LARGEST}")) == []


# --- orders ------------------------------------------------------------------------------------


def order_reject(barrier: str, details: str) -> tuple[str, str, str, str, str]:
    return (
        "PnlKillSwitchTriggered",
        f"pnl kill switch triggered: {barrier}",
        details,
        NAME,
        "account",
    )


@pytest.mark.parametrize(
    ("barrier", "pnl", "details"),
    [
        (
            bounds(lower="-100"),
            "-101",
            "lower bound breached: realized pnl -101, lower bound -100, settlement asset USD",
        ),
        (
            bounds(lower="-100", upper="50"),
            "50.01",
            (
                "upper bound breached: realized pnl 50.01, lower bound -100, upper bound 50, "
                "settlement asset USD"
            ),
        ),
        (
            bounds(lower="-100", upper="50"),
            "-100.5",
            (
                "lower bound breached: realized pnl -100.5, lower bound -100, upper bound 50, "
                "settlement asset USD"
            ),
        ),
        (
            bounds(upper="50"),
            "51",
            "upper bound breached: realized pnl 51, upper bound 50, settlement asset USD",
        ),
        (
            bounds(lower="5", upper="-5"),
            "0",
            (
                "lower and upper bound breached: realized pnl 0, lower bound 5, upper bound -5, "
                "settlement asset USD"
            ),
        ),
    ],
    ids=["lower", "upper", "lower of two", "upper alone", "inverted"],
)
def test_an_order_of_an_account_outside_is_rejected_with_its_account(
    barrier: Any, pnl: str, details: str
) -> None:
    engine = engine_with(broker(barrier))
    engine.configure().set_account_pnl(NAME, account=account(1), settlement_asset="USD", pnl=pnl)

    assert reject_fields(engine.execute_pre_trade_dry_run(order(1))) == [
        order_reject("broker barrier", details)
    ]
    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        order_reject("broker barrier", details)
    ]
    assert [item.code for item in engine.execute_pre_trade(order(1)).rejects] == ["AccountBlocked"]
    # Freed, it is stopped again: nothing was earned meanwhile.
    engine.accounts().unblock(account(1))
    assert not engine.execute_pre_trade(order(1))


def test_an_account_has_bounds_of_its_own_beside_the_brokers() -> None:
    engine = engine_with(
        broker(bounds(lower="-100")).account_barriers(
            of_account(2, bounds(lower="-20"), -15), of_account(3, bounds("EUR", lower="-20"))
        )
    )

    for number in (1, 2, 3):
        engine.apply_execution_report(pnl_report(number, "-6"))
        engine.accounts().unblock(account(number))

    assert engine.execute_pre_trade(order(1))
    assert reject_fields(engine.execute_pre_trade(order(2))) == [
        order_reject(
            "account + asset barrier",
            "lower bound breached: realized pnl -21, lower bound -20, settlement asset USD",
        )
    ]
    assert engine.execute_pre_trade(order(3))


def test_bounds_hold_where_the_settlement_asset_is_theirs() -> None:
    engine = engine_with(broker(bounds(lower="1")))

    assert engine.execute_pre_trade(order(1, instrument=("SAP", "EUR")))
    # Nothing earned is zero, and that is below one.
    assert not engine.execute_pre_trade(order(1))


def test_an_order_must_say_whose_it_is_and_what_pays() -> None:
    engine = engine_with(broker(bounds(lower="-100")))

    assert [item.details for item in engine.execute_pre_trade(openpit.Order()).rejects] == [
        "failed to access field 'operation.instrument'"
    ]
    assert [item.details for item in engine.execute_pre_trade(order(None)).rejects] == [
        "failed to access field 'operation.account_id'"
    ]


# --- settings ----------------------------------------------------------------------------------


def test_of_two_barriers_with_one_key_the_last_counts_and_so_does_its_start() -> None:
    engine = engine_with(
        broker(bounds(lower="-1"), bounds(lower="-100")).account_barriers(
            of_account(1, bounds(lower="-500"), -200), of_account(1, bounds(lower="-50"), -50)
        )
    )

    assert engine.execute_pre_trade(order(1))
    assert blocks(engine, pnl_report(1, "-1")) == [
        triggered("realized pnl -51, settlement asset USD")
    ]


@pytest.mark.parametrize(
    ("ready", "text"),
    [
        (broker(), "at least one broker or account+asset barrier must be configured"),
        (
            broker(bounds("USD")),
            (
                "at least one of lower_bound or upper_bound must be configured "
                "for settlement asset USD"
            ),
        ),
        (broker(bounds("", lower=1)), "asset must not be empty"),
    ],
    ids=["nothing", "no bound", "no asset"],
)
def test_settings_without_sense_are_refused(ready: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        engine_with(ready)


def test_new_barriers_of_an_account_come_without_a_start() -> None:
    engine = engine_with(broker(bounds(lower="-100")))
    engine.apply_execution_report(pnl_report(1, "-60"))
    configure = engine.configure()

    own = [policies.PnlBoundsAccountAssetBarrierUpdate(bounds(lower="-50"), account(1))]

    # The axes are replaced one after the other, and at no time may there be no barrier at all.
    with pytest.raises(openpit.PolicyConfigureError, match=r"must be configured$"):
        configure.pnl_bounds_killswitch(NAME, broker_barriers=[], account_barriers=own)
    configure.pnl_bounds_killswitch(NAME, account_barriers=own)
    configure.pnl_bounds_killswitch(NAME, broker_barriers=[])

    assert engine.execute_pre_trade(order(2))
    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        order_reject(
            "account + asset barrier",
            "lower bound breached: realized pnl -60, lower bound -50, settlement asset USD",
        )
    ]
