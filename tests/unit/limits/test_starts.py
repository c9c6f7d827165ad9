from __future__ import annotations

import pytest

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.limits.reading import loads
from openpit.param import AccountId

BROKER = '[[pnl_bounds_killswitch.broker]]\nsettlement_asset = "USD"\n'
ACCOUNT = '[[pnl_bounds_killswitch.account]]\naccount = 7\nsettlement_asset = "USD"\n'


@pytest.mark.parametrize(
    "text",
    [
        DEFAULT_CONFIG,
        "[order_validation]",
        BROKER + "lower_bound = -5",
        BROKER + "upper_bound = 5",
        BROKER + "lower_bound = -5\nupper_bound = 5",
    ],
)
def test_everybody_starts_inside(text: str) -> None:
    assert loads(text).starts is None


@pytest.mark.parametrize("bounds", ["lower_bound = 5", "upper_bound = -5", "lower_bound = 0"])
def test_bounds_that_leave_out_zero(bounds: str) -> None:
    starts = loads(BROKER + bounds).starts

    assert starts is not None
    assert starts.may_be_outside(AccountId.from_int(1), "USD")
    assert not starts.may_be_outside(AccountId.from_int(1), "EUR")


def test_an_account_with_bounds_of_its_own() -> None:
    starts = loads(ACCOUNT + "lower_bound = -5\ninitial_pnl = -6").starts

    assert starts is not None
    assert starts.may_be_outside(AccountId.from_int(7), "USD")
    assert not starts.may_be_outside(AccountId.from_int(7), "EUR")
    assert not starts.may_be_outside(AccountId.from_int(8), "USD")
