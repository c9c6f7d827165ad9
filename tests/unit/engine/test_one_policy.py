"""An engine that asks one policy in the main stage answers as one does that asks several."""

from __future__ import annotations

from typing import Any

import pytest
from makers import (
    Scripted,
    accepting,
    engine_with,
    mutation,
    order,
    reasons,
    reject,
    reject_fields,
)

from openpit.pretrade import AccountBlock, PolicyDecision


class Silent(Scripted):
    """A second policy of the main stage, which has nothing to say."""

    def __init__(self) -> None:
        super().__init__("Silent", main=None)


def answers(script: dict[str, Any], orders: int = 2) -> list[Any]:
    """What an engine says of orders that meet this policy alone, or with one that is silent."""
    seen = []
    for others in [(), (Silent(),)]:
        engine = engine_with(Scripted("Desk", **script), *others)
        results: list[Any] = []
        for _ in range(orders):
            try:
                result = engine.execute_pre_trade(order=order())
            except ValueError as error:
                results.append(error)
                continue
            results.append(reject_fields(result) or result.ok)
        seen.append([str(one) for one in results])
    alone, beside = seen
    assert alone == beside
    return alone


def block_its_account(ctx: Any, order: Any) -> tuple[()]:
    ctx.account_control.block(AccountBlock(policy="Watch", code="Custom", reason="x", details="y"))
    return ()


def test_what_passes_passes_and_is_counted_until_it_is_committed() -> None:
    assert answers({"main": accepting(mutation([], "a"))}) == ["True", "True"]
    assert answers({"main": None}) == ["True", "True"]


def test_a_start_stage_that_rejects_leaves_the_main_stage_unasked() -> None:
    script = {"start": [reject("early")], "main": ValueError("asked all the same")}

    assert [text.count("early") for text in answers(script)] == [1, 1]


def test_a_block_of_the_start_stage_stops_the_main_stage() -> None:
    script = {"start": block_its_account, "main": ValueError("asked all the same")}

    assert ["Watch" in text for text in answers(script)] == [True, True]


def test_a_rejected_order_is_undone_and_may_block_its_account() -> None:
    trace: list[str] = []
    decision = PolicyDecision.reject([reject("full", scope="account")], [mutation(trace, "a")])

    first, second = answers({"main": decision})

    assert "full" in first
    assert "account" in second
    assert trace == ["rollback a"] * 2


@pytest.mark.parametrize("others", [0, 1])
def test_what_the_main_stage_raises_is_raised_and_leaves_nothing(others: int) -> None:
    engine = engine_with(Scripted("Desk", main=ValueError("disk")), *[Silent()] * others)

    for _ in range(2):
        with pytest.raises(ValueError, match=r"^disk$"):
            engine.execute_pre_trade(order=order())

    assert engine._core.finisher.opened == {}
    assert not engine._core.finisher.busy


def test_open_orders_are_counted_by_account() -> None:
    engine = engine_with(Scripted("Desk", main=accepting(mutation([], "a"))))
    opened = engine._core.finisher.opened

    results = [engine.execute_pre_trade(order=order(n)) for n in (7, 7, 8)]
    assert opened == {7: 2, 8: 1}

    for result in results:
        assert reasons(result) == []
        assert result.reservation is not None
        result.reservation.commit()
    assert opened == {}
