"""Drop copies: orders that the venue has already are recorded, not judged."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    block_fields,
    deposit,
    engine_with,
    mutation,
    order,
    reasons,
    recorded,
    reject,
    reject_fields,
)

from openpit.pretrade import AccountBlock, PolicyDecision, PolicyPreTradeResult, policies

if TYPE_CHECKING:
    import openpit

CANNOT_TELL = "OrderValueCalculationFailed"
"""A code that says the policy could not evaluate the order, rather than that it disliked it."""


def recording(trace: list[str], name: str, answer: Any = ()) -> Any:
    """A start callback that leaves a mutation if the order is a drop copy."""

    def start(ctx: Any, order: openpit.Order) -> Any:
        if ctx.is_drop_copy:
            ctx.record_drop_copy_start_mutation(mutation(trace, name))
        return answer

    return start


def blocking(reason: str) -> Any:
    def check(ctx: Any, order: openpit.Order) -> None:
        ctx.account_control.block(
            AccountBlock(policy="Watch", code="Custom", reason=reason, details="")
        )

    return check


def test_start_mutations_are_first_to_commit_and_last_to_roll_back() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", start=recording(trace, "start A"), main=accepting(mutation(trace, "A"))),
        Scripted("B", start=recording(trace, "start B"), main=accepting(mutation(trace, "B"))),
    )

    recorded(engine, order()).commit()
    assert trace == ["commit start A", "commit start B", "commit A", "commit B"]

    trace.clear()
    recorded(engine, order()).rollback()
    assert trace == ["rollback B", "rollback A", "rollback start B", "rollback start A"]


def test_an_operation_that_nobody_holds_is_rolled_back() -> None:
    trace: list[str] = []
    engine = engine_with(Scripted(main=accepting(mutation(trace, "A"))))

    engine.apply_drop_copy(order())

    assert trace == ["rollback A"]


def test_ordinary_rejects_are_passed_over_and_what_comes_with_them_is_kept() -> None:
    engine = engine_with(
        Scripted(
            "A",
            group_id=4,
            start=[reject("too fast")],
            main=PolicyPreTradeResult(rejects=(reject("too big"),), lock_prices=("5",)),
        ),
        policies.build_order_validation(),
    )

    result = engine.apply_drop_copy(order(quantity="0"))

    assert result
    assert result.rejects == []
    assert result.operation is not None
    assert repr(result.operation.lock) == "Lock([(4, 5)])"
    assert result.operation.account_block is None
    assert not result.operation.is_account_blocked


@pytest.mark.parametrize("stage", ["start", "main"])
def test_a_policy_that_cannot_evaluate_it_undoes_everything(stage: str) -> None:
    trace: list[str] = []
    unclear = [
        reject("disliked", scope="account"),
        reject("no price", code=CANNOT_TELL, scope="account"),
    ]
    engine = engine_with(
        Scripted("A", start=recording(trace, "start A"), main=accepting(mutation(trace, "A"))),
        Scripted("B", **{stage: unclear if stage == "start" else PolicyDecision(unclear)}),
    )

    result = engine.apply_drop_copy(order())

    assert result.operation is None
    assert reject_fields(result) == [(CANNOT_TELL, "no price", "", "B", "account")]
    assert trace == (["rollback A"] if stage == "main" else []) + ["rollback start A"]
    # Nor does any block remain of it: the next order is judged by the policy again.
    assert [(item.code, item.policy) for item in engine.execute_pre_trade(order()).rejects] == [
        ("Custom", "B"),
        (CANNOT_TELL, "B"),
    ]


@pytest.mark.parametrize("stage", ["start", "main"])
def test_an_exception_undoes_everything_and_is_raised(stage: str) -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", start=recording(trace, "start A"), main=accepting(mutation(trace, "A"))),
        Scripted("B", **{stage: ValueError("first")}),
        Scripted("C", **{stage: KeyError("second")}),
    )

    with pytest.raises(ValueError, match=r"^first$"):
        engine.apply_drop_copy(order())

    assert trace == (["rollback A"] if stage == "main" else []) + ["rollback start A"]


def test_a_rollback_that_fails_is_raised_in_place_of_the_rejects() -> None:
    engine = engine_with(
        Scripted("A", main=accepting(mutation([], "A", rollback=ValueError("disk")))),
        Scripted("B", main=PolicyDecision((reject("no price", code=CANNOT_TELL),))),
    )

    with pytest.raises(ValueError, match=r"^disk$"):
        engine.apply_drop_copy(order())

    assert reasons(engine.execute_pre_trade(order(2))) == ["mutation finalizer failed"]


def test_without_an_account_there_is_nothing_to_record() -> None:
    asked: list[str] = []
    engine = engine_with(Scripted(start=lambda ctx, order: asked.append("start")))

    result = engine.apply_drop_copy(order(None))

    assert reject_fields(result) == [
        (
            "MissingRequiredField",
            "drop-copy requires a readable account ID",
            "the account ID routes the drop-copy pipeline and its account control",
            "Engine",
            "order",
        )
    ]
    assert asked == []


def test_an_account_reject_blocks_the_account_even_if_the_operation_is_rolled_back() -> None:
    engine = engine_with(Scripted(main=PolicyDecision((reject("too big", scope="account"),))))

    operation = recorded(engine, order())
    assert block_fields(operation.account_block) == ("AccountBlocked", "too big", "", "Desk")
    assert operation.is_account_blocked
    operation.rollback()

    assert reject_fields(engine.execute_pre_trade(order())) == [
        ("AccountBlocked", "too big", "", "Desk", "account")
    ]


def test_the_first_block_asked_for_is_told_though_another_cause_is_in_force() -> None:
    engine = engine_with(
        Scripted("A", start=blocking("seen")), Scripted("B", main=blocking("more"))
    )
    engine.accounts().block(account(1), "under review")

    operation = recorded(engine, order())

    assert block_fields(operation.account_block) == ("Custom", "seen", "", "Watch")
    assert reasons(engine.execute_pre_trade(order())) == ["under review"]


@pytest.mark.parametrize("blocked", ["account", "group", "engine"])
def test_blocks_do_not_stop_it_and_it_says_so(blocked: str) -> None:
    engine = engine_with(
        Scripted(main=lambda ctx, order: accepting(mutation([], "A", commit=ValueError("disk"))))
    )
    accounts = engine.accounts()
    if blocked == "account":
        accounts.block(account(1), "under review")
    elif blocked == "group":
        accounts.register_group([account(1)], 5)
        accounts.block_group(5, "under review")
    else:
        with pytest.raises(ValueError, match=r"^disk$"):
            recorded(engine, order()).commit()

    operation = recorded(engine, order())

    assert operation.is_account_blocked
    assert operation.account_block is None


def test_rates_are_counted() -> None:
    limit = policies.RateLimit(1, dt.timedelta(hours=1))
    engine = engine_with(
        policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit))
    )

    assert engine.apply_drop_copy(order())
    assert engine.apply_drop_copy(order())
    assert [item.details for item in engine.execute_pre_trade(order()).rejects] == [
        "submitted 3 orders in 3600s window, max allowed: 1"
    ]


def test_funds_may_go_below_zero() -> None:
    engine = engine_with(policies.build_spot_funds())
    engine.apply_account_adjustment(account(1), [deposit("USD", "50")])

    operation = recorded(engine, order(1, "10", "100"))

    assert str(operation.account_adjustments[0].entry.balance.absolute) == "-950"
    operation.rollback()
    assert engine.execute_pre_trade(order(1, "1", "50"))


def test_a_market_order_cannot_be_recorded() -> None:
    engine = engine_with(policies.build_spot_funds())

    assert reject_fields(engine.apply_drop_copy(order(price=None))) == [
        (
            "MissingRequiredField",
            "limit price is required for drop-copy",
            "historical market orders cannot be valued at the current market price",
            "SpotFundsPolicy",
            "order",
        )
    ]


def test_start_mutations_are_for_drop_copies_and_while_they_run() -> None:
    contexts: list[Any] = []

    def keep(ctx: Any, order: openpit.Order) -> tuple[()]:
        contexts.append(ctx)
        return ()

    engine = engine_with(Scripted(start=keep))
    operation = recorded(engine, order())
    engine.execute_pre_trade(order())

    for context, is_drop_copy in zip(contexts, [True, False], strict=True):
        assert context.is_drop_copy is is_drop_copy
        with pytest.raises(RuntimeError, match=r"^context is not an active drop-copy operation$"):
            context.record_drop_copy_start_mutation(mutation([], "late"))
    operation.commit()


def test_a_start_mutation_is_read_when_it_is_recorded() -> None:
    class Half:
        commit = print

    def record(ctx: Any, order: openpit.Order) -> None:
        ctx.record_drop_copy_start_mutation(Half())

    engine = engine_with(Scripted(start=record))

    with pytest.raises(AttributeError, match=r"^'Half' object has no attribute 'rollback'$"):
        engine.apply_drop_copy(order())


def test_a_control_kept_from_a_drop_copy_blocks_at_once() -> None:
    controls: list[Any] = []
    engine = engine_with(Scripted(start=lambda ctx, order: controls.append(ctx.account_control)))
    operation = recorded(engine, order())
    assert not operation.is_account_blocked

    controls[0].block(AccountBlock(policy="Watch", code="Custom", reason="seen", details=""))

    assert reasons(engine.execute_pre_trade(order())) == ["seen"]
