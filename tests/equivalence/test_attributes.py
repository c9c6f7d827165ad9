"""What users hang on orders, reports and adjustments, as policies see it: here and in shards."""

from __future__ import annotations

from typing import Any

from flow import account, buy, report
from hypothesis import given, settings
from hypothesis import strategies as st
from link import link
from scripted import Leg, Route, Tag, Ticket, Urgency, Venue
from sealing import link_sealed

import openpit
from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.param import AdjustmentAmount
from openpit.pretrade import (
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyReject,
    RejectCode,
)

_TAGS = st.builds(Tag, st.text(max_size=3), st.sampled_from(Urgency))

marks = st.recursive(
    st.none()
    | st.integers()
    | st.decimals(allow_nan=False)
    | st.sampled_from([*Urgency, *Venue])
    | st.integers(0, 7).map(Route)
    | _TAGS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(Ticket, st.text(max_size=3), st.sampled_from(Urgency), st.tuples(inner, inner))
        | st.builds(Leg, st.text(max_size=3), inner)
        | st.dictionaries(st.sampled_from(Venue) | _TAGS, inner, max_size=3)
    ),
    max_leaves=8,
)


def described(mark: Any) -> str:
    """What there is to see of a value, identities of members included."""
    if isinstance(mark, (Urgency, Venue, Route)):
        return f"{mark!r} {mark is type(mark)(mark.value)}"
    if isinstance(mark, Tag):
        kept = {Tag(mark.desk, mark.urgency): "same"}.get(mark) if type(mark) is Tag else None
        notes = described(getattr(mark, "notes", None))
        return (
            f"{type(mark) in (Tag, Ticket)} {mark.desk!r} {described(mark.urgency)} {kept} {notes}"
        )
    if isinstance(mark, dict):
        return str([(described(key), described(part)) for key, part in mark.items()])
    if isinstance(mark, (list, tuple)):
        return f"{type(mark) in (list, tuple, Leg)} {[described(part) for part in mark]}"
    return repr(mark)


class Looking(Policy):
    """Says of everything what hangs on it."""

    name = "Looking"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> PolicyDecision:
        seen = f"{described(order.mark)} {described(order.operation.desk)}"
        if order.mark == Urgency.CALM:
            return PolicyDecision.accept()
        return PolicyDecision.reject(
            [PolicyReject(code=RejectCode.OTHER, reason="r", details=seen)]
        )

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        raise ValueError(described(report.mark), report.mark)

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        reject = PolicyReject(code=RejectCode.OTHER, reason="r", details=described(adjustment.mark))
        return PolicyAccountAdjustmentResult(rejects=[reject])


def said(result: Any) -> Any:
    return None if result.ok else [reject.details for reject in result.rejects]


def told(engine: Any, held: list[Any]) -> list[Any]:
    orders: list[Any] = []
    for number, mark in enumerate(held, 1):
        order: Any = buy(number)
        order.mark, order.operation.desk = mark, held[0]
        orders.append(order)
    answers = [said(engine.execute_pre_trade(order=order)) for order in orders]
    many = getattr(engine, "execute_pre_trade_many", None)
    batch = many(orders) if many else map(engine.execute_pre_trade, orders)
    answers += [said(result) for result in batch]
    for number, mark in enumerate(held, 1):
        filled: Any = report(number)
        filled.mark = mark
        try:
            engine.apply_execution_report(report=filled)
        except ValueError as error:
            answers.append((repr(error.args), described(error.args[1])))
        adjustment: Any = Adjustment(
            operation=BalanceOperation(asset="USD"),
            amount=Amount(balance=AdjustmentAmount.delta("1")),
        )
        adjustment.mark = mark
        outcome = engine.apply_account_adjustment(account(number), [adjustment])
        answers.append([reject.details for reject in outcome.rejects])
    return answers


@settings(max_examples=30)
@given(st.lists(marks, min_size=1, max_size=5))
def test_policies_see_the_same_in_one_engine_and_in_shards(held: list[Any]) -> None:
    one = openpit.Engine.builder().account_sync().pre_trade(policy=Looking()).build()
    expected = told(one, held)
    for shards, build in ((1, link), (2, link), (2, link_sealed), (3, link)):
        builder = openpit.Engine.builder().sharded(shards=shards).pre_trade(policy=Looking())
        with build(builder) as engine:
            assert told(engine, held) == expected
