"""What goes back with an order is the same, told the short way or by way of groups."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from makers import account, deposit, engine_with, holding, order

from openpit.pretrade import policies
from openpit.pretrade.alike_rejects import AlikeReject
from openpit.pretrade.effects import GeneralEffects
from openpit.pretrade.policies.spot_funds.reservation import PlainFunds
from openpit.shards.answering import packed, told
from openpit.wire import kinds
from openpit.wire.frames import messages_of

SOLD = ("AAPL", Decimal(-2), Decimal(8), Decimal(2), Decimal("2.0"), *[None] * 6)
DUE = ("USD", *[None] * 4, Decimal("0.0000001"), Decimal(7), *[None] * 4)
TEXTS = "AAPL", "-2|8;2|2.0;;;", None


def said(rows: Any, prices: Any) -> GeneralEffects:
    """What a policy of group 3 has said, as an engine has taken it."""
    effects = GeneralEffects(None, (), rows, prices)
    effects.group_id = 3
    return effects


@pytest.mark.parametrize("price", ["185.50", "0.0000001"])
def test_one_price_of_one_policy_is_told_as_a_list_of_one_would_be(price: str) -> None:
    alone = told(said([SOLD, DUE], Decimal(price)))
    listed = told(said([SOLD, DUE], [Decimal(price)]))

    assert alone == listed
    assert alone == (
        ((3, str(Decimal(price))),),
        ((3, *TEXTS), (3, "USD", ";;0.0000001|7;;", None)),
    )


def test_what_another_policy_says_comes_after_it() -> None:
    effects = said([SOLD], Decimal(5))
    effects.more = [(4, [DUE], Decimal(6)), (3, (), Decimal(7))]

    lock, outcomes = told(effects)

    assert lock == ((3, "5", "7"), (4, "6"))
    assert [row[:2] for row in outcomes] == [(3, "AAPL"), (4, "USD")]


def test_what_is_told_is_not_kept_and_nothing_is_told_of_nothing() -> None:
    effects = said([SOLD], Decimal(5))
    told(effects)

    assert told(effects) == ((), ())
    assert told(said((), ())) == ((), ())


def test_rejects_that_were_found_alike_are_told_apart_where_not_all_can_be_told() -> None:
    alike = AlikeReject("Other", "too many", "it is ", " of 5", "Desk", "order")
    lost: list[int] = []
    answered = [(kinds.REJECTED_ALIKE, (6, 7), alike), (kinds.ANSWER, "\ud800"), (kinds.DONE, 1)]

    first, second, raised, done = messages_of(packed(10, answered, lost.append))

    assert [one[1] for one in (first, second)] == [(alike.row(6),), (alike.row(7),)]
    assert (raised[0], done, lost) == (kinds.RAISED, (kinds.DONE, 1), [12])


def test_funds_that_are_told_keep_no_figures_but_what_goes_back() -> None:
    engine = engine_with(policies.build_spot_funds())
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    effects = engine._core.execute(order(1, "10", "4"), 0)
    assert isinstance(effects, PlainFunds)

    lock, outcomes = told(effects)

    assert lock == ((0, "4"),)
    assert outcomes == ((0, "USD", "-40|960;40|40;;;", None), (0, "AAPL", ";;10|10;;", None))
    assert (effects.available, effects.held, effects.expected) == (0, 0, 0)
    effects.rollback()
    assert holding(engine, 1, "USD") == (1000, 0, 0)
