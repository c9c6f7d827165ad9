"""Checks of what a column or a slot may hold: no class stands for another, no range is passed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from openpit.errors import WireError
from openpit.param.enums import PnlHaltReason
from openpit.wire import checks

REJECT = ("Other", "why", "figures", "P", "order", 7)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.up_to(3), [0, 3], [-1, 4, True, 1.0, "1", None]),
        (checks.exactly(int, str), [5, "x"], [True, None, 5.0]),
        (checks.of(int), [5, True], ["5", None]),
        (checks.optional(checks.is_flag), [None, True, False], [0, 1, "True"]),
        (checks.all_of(checks.is_number), [(), (0, 2**64)], [[], (0, -1), (True,), None]),
        (checks.all_of(checks.is_number, list), [[], [7]], [(), [-1]]),
        (checks.row_of(checks.is_text, checks.is_flag), [("x", True)], [("x",), ("x", 1), "xy"]),
        (checks.is_text, ["", "x"], [b"x", None]),
        (checks.is_group, [0, 65_535], [65_536, -1]),
        (checks.is_unsigned, [Decimal(0), Decimal("1.5")], [Decimal(-1), 1]),
        (checks.is_leverage, [10, 30_000], [9, 30_001, 10.0]),
        (checks.is_code, ["Other"], ["other", None, ["Other"]]),
        (checks.is_scope, ["order", "account"], ["desk", 5]),
        (checks.is_pnl_state, [Decimal(-5), PnlHaltReason.MISSING_FX], [1, None]),
        (checks.is_quotes, [(None, Decimal(1), None)], [(None, None), [None] * 3, (1, 2, 3)]),
        (checks.is_lock, [{}, {0: [Decimal(1)]}], [{0: []}, {-1: [Decimal(1)]}, {0: [1]}, ()]),
        (checks.is_reject, [REJECT], [REJECT[:5], (*REJECT, 1), (*REJECT[:5], -1)]),
        (checks.is_pnl, [(0, 1, "-5", "95", None), (0, 1, None, None, 3)], [(0, 1, "1", None, 3)]),
        (checks.are_axes, [(), ((0, None, 5), (1, "USD", 5))], [((0, "USD", 5),), ((1, None, 5),)]),
    ],
)
def test_right_and_wrong(check: checks.Check, right: list[Any], wrong: list[Any]) -> None:
    assert all(check(value) for value in right)
    assert not any(check(value) for value in wrong)


def test_an_asset_has_a_name_of_more_than_blanks() -> None:
    assert checks.is_asset("USD")
    assert not checks.is_asset(5)
    with pytest.raises(WireError, match="an asset was expected: ' '"):
        checks.is_asset(" ")
