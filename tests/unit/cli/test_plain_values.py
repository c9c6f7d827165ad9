"""Values of the public API as JSON has them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openpit.cli.plain_values import plain_value
from openpit.pretrade import policies


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (
            policies.OrderSizeLimit(max_quantity="5", max_notional="7.50"),
            {"is": "OrderSizeLimit", "max_notional": "7.50", "max_quantity": "5"},
        ),
        (
            policies.OrderSizeLimit(max_quantity="5"),
            {"is": "OrderSizeLimit", "max_quantity": "5"},
        ),
        (
            policies.RateLimit(5, timedelta(seconds=1)),
            {"is": "RateLimit", "max_orders": 5, "window": "1"},
        ),
    ],
)
def test_a_limit_is_told_with_its_numbers(limit: object, told: dict[str, object]) -> None:
    assert plain_value(limit) == told
