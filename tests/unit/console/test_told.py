"""What a console tells of limits."""

from __future__ import annotations

from typing import Any

from openpit.console.told import limits_told

ACCOUNT = 2**64 - 1
RATE = {"max_orders": 5, "window": "1s"}


def test_rows_of_accounts_are_rows_and_their_accounts_texts() -> None:
    tables: dict[str, dict[str, Any]] = {
        "rate_limit": {"broker": RATE, "account": [{"account": ACCOUNT} | RATE]}
    }
    assert limits_told(tables).tables == {
        "rate_limit": {"broker": RATE, "account": [{"account": str(ACCOUNT)} | RATE]}
    }
