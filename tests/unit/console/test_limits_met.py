"""Which rows of the limits are told with a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from openpit.console.limits_met import MOST_ROWS, limits_met

RATE = {"max_orders": 5, "window": "1s"}
TABLES: dict[str, dict[str, Any]] = {
    "rate_limit": {
        "broker": RATE,
        "asset": [{"settlement_asset": "USD"} | RATE, {"settlement_asset": "EUR"} | RATE],
        "account": [{"account": 7} | RATE, {"account": 8} | RATE],
    },
    "order_size_limit": {
        "broker": {"max_quantity": "100"},
        "asset": [
            {"asset": "AAPL", "max_quantity": "10"},
            {"asset": "KO", "max_quantity": "20"},
        ],
    },
    "spot_funds": {"limit_mode": "Enforce"},
}


def met(policy: str, reason: str = "exceeded", account: int | None = 7) -> list[str]:
    return limits_met(TABLES, policy, reason, account=account, underlying="AAPL", settlement="USD")


def test_all_rows_that_concern_the_order_where_the_reason_names_none() -> None:
    assert met("RateLimitPolicy") == [
        "[rate_limit.broker] max_orders 5, window 1s",
        "[rate_limit.asset] settlement_asset USD, max_orders 5, window 1s",
        "[rate_limit.account] account 7, max_orders 5, window 1s",
    ]
    assert met("OrderSizeLimitPolicy") == [
        "[order_size_limit.broker] max_quantity 100",
        "[order_size_limit.asset] asset AAPL, max_quantity 10",
    ]


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("rate limit exceeded: broker barrier", "[rate_limit.broker]"),
        ("rate limit exceeded: asset barrier", "[rate_limit.asset]"),
        ("rate limit exceeded: account barrier", "[rate_limit.account]"),
    ],
)
def test_the_rows_of_the_axis_that_the_reason_names(reason: str, row: str) -> None:
    (found,) = met("RateLimitPolicy", reason)
    assert found.startswith(row)


def test_no_row_of_another_account_or_of_a_policy_without_a_table() -> None:
    assert met("RateLimitPolicy", "account barrier", account=9) == met("RateLimitPolicy", account=9)
    assert all("account 7" not in row for row in met("RateLimitPolicy", account=9))
    assert met("Desk") == met("OrderValidationPolicy") == met("SpotFundsPolicy") == []


def test_so_many_rows_at_most() -> None:
    tables = {"rate_limit": {"account": [{"account": 7} | RATE] * (MOST_ROWS + 1)}}
    found = limits_met(
        tables, "RateLimitPolicy", "account", account=7, underlying="A", settlement="B"
    )
    assert len(found) == MOST_ROWS
