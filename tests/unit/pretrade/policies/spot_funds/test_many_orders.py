"""Orders that are checked at once hold what each would by itself, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from threading import RLock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit import Engine
from openpit.core.order import new_order
from openpit.engine.builder import build_core
from openpit.param.enums import Side
from openpit.pretrade.effects import ITSELF
from openpit.pretrade.policies import build_spot_funds
from openpit.pretrade.policies.spot_funds.reservation import PlainFunds

pytestmark = pytest.mark.one_python

KIND = 24
MOST = "79228162514264337593543950335"

accounts = st.sampled_from([1, 1, 1, 2, 3])
assets = st.sampled_from(["AAPL", "USD", "EUR", None])
sides = st.sampled_from([Side.BUY, Side.SELL, Side.BUY, Side.SELL, None])
quantities = st.sampled_from(["0", "1", "2.50", "10", "0.3333333333333333333333333333", MOST, None])
prices = st.sampled_from(["0", "-2", "1", "2.50", "7.00", "1E-28", MOST, None])
orders = st.tuples(accounts, assets, assets, sides, quantities, prices)
plain_orders = st.tuples(
    accounts,
    st.just("AAPL"),
    st.just("USD"),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.sampled_from(["1", "2.50", "0.0"]),
    st.sampled_from(["1", "2.50", "7.00"]),
)


def policy(usd: str = "1000.0", held: str = "0", incoming: str = "0.00") -> Any:
    """Spot funds of two accounts: they have dollars, and 100 shares each."""
    stage: Any = Engine.builder().account_sync().builtin(build_spot_funds().with_policy_group_id(5))
    core = build_core(stage._policies, lambda: 0, RLock())
    (made,) = core.policies
    slots = [("USD", usd, held, incoming, None, None), ("AAPL", "100", "0", "0", None, None)]
    settings, _ = made.export_state()
    made.restore_state((settings, [(account, None, slots) for account in (1, 2)]))
    return made


def order_of(row: tuple[Any, ...]) -> Any:
    account, underlying, settlement, side, quantity, price = row
    return new_order(underlying, settlement, account, side, number(quantity), None, number(price))


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def many(rows: list[tuple[Any, ...]]) -> Any:
    return iter([(*row[:4], number(row[4]), number(row[5]), *row[4:]) for row in rows])


def texts(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(str(one) if isinstance(one, Decimal) else one for one in row)


@given(
    rows=st.lists(st.one_of(plain_orders, orders), max_size=8),
    usd=st.sampled_from(["1000.0", "1E-28", MOST]),
    held=st.sampled_from(["0", "0.00", "5.5", "-1", MOST]),
    incoming=st.sampled_from(["0", "-3.25", MOST]),
)
def test_they_hold_what_each_holds_by_itself(
    rows: list[tuple[Any, ...]], usd: str, held: str, incoming: str
) -> None:
    at_once, one_by_one = policy(usd, held, incoming), policy(usd, held, incoming)
    left = many(rows)
    place = 0
    while place < len(rows):
        found: list[Any] = []
        has_stopped = at_once.hold_plain(left, KIND, found)
        for row in found:
            effects = one_by_one.check_main(order_of(rows[place]), 0, None)
            assert texts(row) == texts(one_by_one.held_in(effects, KIND))
            place += 1
        assert has_stopped is (place < len(rows))
        if has_stopped:
            order = order_of(rows[place])
            effects, twin = (one.check_main(order, 0, None) for one in (one_by_one, at_once))
            assert type(twin) is type(effects)
            assert one_by_one.held_in(effects, KIND) is None
            place += 1
        assert at_once.export_state() == one_by_one.export_state()


def test_a_row_stands_for_the_effects_that_it_came_of() -> None:
    made = policy()
    order = order_of((1, "AAPL", "USD", Side.SELL, "2.50", "7.00"))
    effects = made.check_main(order, 0, None)
    row = made.held_in(effects, KIND)
    assert texts(row) == (
        KIND, 1, 5, "AAPL", "USD", False, "2.50", "7.00", "97.50", "2.50", "17.5000",
    )  # fmt: skip
    again = made.effects_of(row)
    assert (type(again), again.mutations) == (PlainFunds, ITSELF)
    assert again.legs_left() == effects.legs_left()
    assert [*again] == [*effects]
    assert made.export_effect(again) == made.export_effect(effects)
    before = policy().export_state()
    again.give_back()
    assert again.mutations == ()
    assert [[float(one) for one in slot[1:4]] for slot in slots_of(made.export_state())] == [
        [float(one) for one in slot[1:4]] for slot in slots_of(before)
    ]


def slots_of(state: Any) -> list[Any]:
    return [slot for _, _, slots in state[1] for slot in slots]


def test_what_other_orders_come_to_is_no_row() -> None:
    made = policy()
    by_volume = new_order("AAPL", "USD", 1, Side.BUY, None, Decimal(10), Decimal(2))
    assert made.held_in(made.check_main(by_volume, 0, None), KIND) is None
    too_much = order_of((1, "AAPL", "USD", Side.SELL, "101", "1"))
    assert made.held_in(made.check_main(too_much, 0, None), KIND) is None
