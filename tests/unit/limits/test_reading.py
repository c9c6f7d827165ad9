from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from limits_texts import ORDER_SIZE_LIMIT, PNL_BOUNDS, RATE_LIMIT, SPOT_FUNDS, WRONG

import openpit
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.limits.reading import load, loads
from openpit.limits.tables import ConfigError
from openpit.param import AccountId, Fee, Pnl, Price, Quantity, Side, Trade, TradeAmount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpit.pretrade import Reject


def engine(text: str) -> openpit.Engine:
    policies = loads(text)
    built: openpit.Engine = policies.add_to(
        openpit.Engine.builder().clock(lambda: 0).no_sync()
    ).build()
    policies.prepare(built)
    return built


def order(
    quantity: object = "1", *, account: int | str = 1, price: object = "100", currency: str = "USD"
) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("AAPL", currency),
            account_id=account_id(account),
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=price,
        )
    )


def account_id(account: int | str) -> AccountId:
    return (
        AccountId.from_int(account) if isinstance(account, int) else AccountId.from_string(account)
    )


def verdicts(text: str, orders: Sequence[openpit.Order]) -> list[list[str]]:
    with_policies = engine(text)
    return [
        [reject.reason for reject in with_policies.execute_pre_trade(order=order).rejects]
        for order in orders
    ]


def test_order_validation() -> None:
    assert verdicts("[order_validation]", [order("0"), order("1")]) == [
        ["order quantity must be non-zero"],
        [],
    ]


def test_rate_limit_on_each_axis() -> None:
    assert verdicts(RATE_LIMIT, [order(account="desk", currency="EUR")] * 3) == [[], [], []]
    assert verdicts(RATE_LIMIT, [order(account=5)] * 3) == [
        [],
        [],
        ["rate limit exceeded: account barrier"],
    ]
    assert verdicts(RATE_LIMIT, [order(account="desk")] * 2) == [
        [],
        ["rate limit exceeded: account+asset barrier"],
    ]
    assert verdicts(RATE_LIMIT, [order()] * 5)[3:] == [
        ["rate limit exceeded: asset barrier"],
        ["rate limit exceeded: broker barrier"],
    ]


def test_order_size_limit_on_each_axis() -> None:
    assert verdicts(
        ORDER_SIZE_LIMIT,
        [
            order("2", account=6),
            order("3", account=6),
            order("5"),
            order("6"),
            order("5", price="1001"),
        ],
    ) == [
        [],
        ["order quantity exceeded"],
        [],
        ["order quantity exceeded"],
        ["order notional exceeded"],
    ]


def test_pnl_bounds_on_each_axis_with_what_the_account_starts_with() -> None:
    assert verdicts(PNL_BOUNDS, [order(), order(account=5)]) == [
        [],
        ["pnl kill switch triggered: account + asset barrier"],
    ]


def test_pnl_bounds_of_the_broker() -> None:
    with_policies = engine(PNL_BOUNDS)
    report = openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument("AAPL", "USD"), side=Side.BUY, account_id=account_id(1)
        ),
        financial_impact=openpit.FinancialImpact(pnl=Pnl("-99"), fee=Fee("2")),
    )

    (block,) = with_policies.apply_execution_report(report=report).account_blocks

    assert block.details == "realized pnl -101, settlement asset USD"


def test_spot_funds_of_single_accounts_and_of_ranges() -> None:
    assert verdicts(SPOT_FUNDS, [order("2", account="desk"), order("1", account="desk")]) == [
        ["spot funds insufficient"],
        [],
    ]
    assert verdicts(SPOT_FUNDS, [order("2", account=5), order("3", account=5)]) == [
        [],
        ["spot funds insufficient"],
    ]
    assert verdicts(SPOT_FUNDS, [order("2", account=6), order("1", account=6)]) == [
        ["position limit exceeded"],
        [],
    ]
    assert verdicts(SPOT_FUNDS, [order("1", account=7)]) == [["spot funds insufficient"]]


def test_funds_that_an_account_cannot_get_are_told() -> None:
    most = "79228162514264337593543950335"
    row = '[[spot_funds.funds]]\naccount = 1\nasset = "USD"\nbalance = '
    policies = loads(f'{row}"-{most}"\n{row}"{most}"\n')
    built = policies.add_to(openpit.Engine.builder().no_sync()).build()

    with pytest.raises(ConfigError) as caught:
        policies.prepare(built)
    assert str(caught.value) == (
        "[spot_funds.funds] account 1 cannot get its funds: arithmetic overflow, "
        "account adjustment delta overflow: asset USD, field balance"
    )


def test_spot_funds_that_only_count() -> None:
    text = SPOT_FUNDS.replace("[spot_funds]", '[spot_funds]\nlimit_mode = "TrackOnly"')

    assert verdicts(text, [order("99", account=5), order("2", account=6)]) == [
        [],
        ["position limit exceeded"],
    ]


def test_accounts_of_spot_funds_have_their_currency() -> None:
    with_policies = engine(SPOT_FUNDS)
    lock = with_policies.execute_pre_trade(order=order(account=5)).reservation.lock
    report = openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument("AAPL", "USD"), side=Side.BUY, account_id=account_id(5)
        ),
        fill=openpit.ExecutionReportFillDetails(
            last_trade=Trade(price=Price("90"), quantity=Quantity("1")),
            remaining_reserved_quantity=Quantity("0"),
            is_final=True,
            lock=lock,
        ),
    )

    outcomes = with_policies.apply_execution_report(report=report).account_adjustments

    # Without a currency the position's profit and loss would be halted here.
    assert [(o.entry.asset, o.entry.average_entry_price) for o in outcomes] == [
        ("AAPL", Price("90")),
        ("USD", None),
    ]


def test_policies_are_asked_in_the_order_of_their_tables() -> None:
    both = "[order_size_limit]\nbroker = {max_notional = 1}\n[order_validation]"

    result = engine(both).execute_pre_trade(order=order("0", price=None))

    assert [reject.policy for reject in result.rejects] == [
        "OrderSizeLimitPolicy",
        "OrderValidationPolicy",
    ]


def test_a_policy_group_id() -> None:
    stage = openpit.Engine.builder().no_sync()

    text = "[order_validation]\npolicy_group_id = 5\n[rate_limit]\npolicy_group_id = 5"

    with pytest.raises(ValueError, match="duplicate non-default policy_group_id: 5"):
        loads(text).add_to(stage).build()


def test_the_default_configuration_builds_and_has_all_four_policies() -> None:
    rejects: Sequence[Reject] = (
        engine(DEFAULT_CONFIG).execute_pre_trade(order=order("0", price=None)).rejects
    )

    assert [(reject.policy, reject.code) for reject in rejects] == [
        ("OrderValidationPolicy", "InvalidFieldValue"),
        ("OrderSizeLimitPolicy", "OrderValueCalculationFailed"),
    ]
    for table in ("order_validation", "rate_limit", "order_size_limit", "pnl_bounds_killswitch"):
        assert f"\n[{table}]\n" in DEFAULT_CONFIG


def test_what_the_default_configuration_comments_out_builds_as_well() -> None:
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# [") or " = " in line else line
        for line in DEFAULT_CONFIG.splitlines()
    )

    assert "\n[[rate_limit.account_asset]]\n" in uncommented
    assert "\n[[order_size_limit.account_asset]]\n" in uncommented
    assert "\n[[pnl_bounds_killswitch.account]]\n" in uncommented
    assert "\n[[spot_funds.position_limit]]\n" in uncommented
    assert engine(uncommented).execute_pre_trade(order=order()).ok


@pytest.mark.parametrize(("text", "expected", "line"), WRONG)
def test_a_configuration_that_cannot_be_read(text: str, expected: str, line: int | None) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert str(caught.value) == (expected if line is None else f"{expected} (line {line})")
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "expected", "line"),
    [
        (
            "[pnl_bounds_killswitch]",
            (
                "[pnl_bounds_killswitch] "
                "at least one broker or account+asset barrier must be configured"
            ),
            1,
        ),
    ],
)
def test_settings_that_a_policy_refuses(text: str, expected: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text).add_to(openpit.Engine.builder().no_sync())
    assert str(caught.value) == f"{expected} (line {line})"


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(ORDER_SIZE_LIMIT, encoding="utf-8")
    assert list(load(path).settings()) == ["order_size_limit"]
    assert list(load(str(path)).settings()) == ["order_size_limit"]
    path.write_text(ORDER_SIZE_LIMIT, encoding="utf-8-sig")  # with the mark that editors put first
    assert list(load(path).settings()) == ["order_size_limit"]
    path.write_text("[order_validation]\n[rate_limit]\nbroker = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"limits\.toml: \[rate_limit\] .*\(line 3\)$"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"limits\.toml: not UTF-8 text"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Where the value begins, whatever stands around it.
        ("# one\n\n[rate_limit]\n# two\nbroker = {\n}\n".replace("{\n}", "{}"), 5),
        ('[order_size_limit]\n\nasset = [\n  {asset = "A", max_quantity = 1},\n  {}\n]\n', 3),
        ('[order_validation]\nx = """\n\n"""\n[rate_limit]\n', 2),
        ('[order_validation]\n[rate_limit]\n[rate_limit.broker]\nmax_orders = """\n9"""', 4),
    ],
)
def test_the_line_is_where_a_value_begins(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert caught.value.line == line
