"""The two stages of an order: who is asked, what is merged, who is blocked (spec 5.1 to 5.5)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    engine_with,
    mutation,
    order,
    reasons,
    reject,
    reject_fields,
)

import openpit
from openpit.param import AccountGroupId
from openpit.pretrade import (
    AccountBlock,
    AccountOutcomeEntry,
    OutcomeAmount,
    PolicyDecision,
    PolicyPreTradeResult,
    policies,
)

FINALISER_FAILED = (
    "SystemUnavailable",
    "mutation finalizer failed",
    "a mutation commit or rollback callback failed; engine state may be inconsistent",
    "Engine",
    "account",
)


def outcome(asset: str, delta: int, absolute: int) -> AccountOutcomeEntry:
    return AccountOutcomeEntry(asset=asset, balance=OutcomeAmount(delta=delta, absolute=absolute))


def cause(reason: str, code: str = "Custom") -> AccountBlock:
    return AccountBlock(policy="Watch", code=code, reason=reason, details="seen", user_data=7)


def one_order_an_hour() -> Any:
    limit = policies.RateLimit(1, dt.timedelta(hours=1))
    return policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit))


def failing_for(number: int, error: BaseException) -> Any:
    """A callback that fails for one account's orders."""

    def check(ctx: Any, order: openpit.Order) -> None:
        if order.operation.account_id == account(number):
            raise error

    return check


# --- start stage -------------------------------------------------------------------------------


def test_every_policy_is_asked_and_their_rejects_stand_in_policy_order() -> None:
    engine = engine_with(
        Scripted("First", start=[reject("one"), reject("two")]),
        Scripted("Second", start=()),
        policies.build_order_validation(),
        Scripted("Third", start=[reject("three")]),
    )

    result = engine.start_pre_trade(order(quantity="0"))

    assert not result
    assert result.request is None
    assert [(item.policy, item.reason) for item in result.rejects] == [
        ("First", "one"),
        ("First", "two"),
        ("OrderValidationPolicy", "order quantity must be non-zero"),
        ("Third", "three"),
    ]


def test_an_order_that_the_start_stage_rejects_does_not_reach_the_main_stage() -> None:
    asked: list[str] = []
    engine = engine_with(
        Scripted("Door", start=[reject("closed")]),
        Scripted("Room", main=lambda ctx, order: asked.append("Room")),
    )

    assert reasons(engine.execute_pre_trade(order())) == ["closed"]
    assert asked == []


@pytest.mark.parametrize("stage", ["start", "main"])
def test_the_first_account_reject_blocks_the_account_under_a_code_of_its_own(stage: str) -> None:
    said = {
        "A": [reject("order only"), reject("first", scope="account")],
        "B": [reject("second", scope="account")],
    }
    engine = engine_with(
        *[
            Scripted(name, **{stage: rejects if stage == "start" else PolicyDecision(rejects)})
            for name, rejects in said.items()
        ]
    )

    now, next_time = engine.execute_pre_trade(order()), engine.execute_pre_trade(order())

    # The call itself tells what the policies said; the account is blocked from the next one on.
    assert reasons(now) == ["order only", "first", "second"]
    assert reject_fields(next_time) == [("AccountBlocked", "first", "", "A", "account")]
    assert reasons(engine.execute_pre_trade(order(2))) == ["order only", "first", "second"]


def test_an_account_reject_of_an_order_without_account_blocks_nobody() -> None:
    engine = engine_with(Scripted(start=[reject("who are you", scope="account")]))

    assert reasons(engine.execute_pre_trade(order(None))) == ["who are you"]
    assert reasons(engine.execute_pre_trade(order(None))) == ["who are you"]


def test_after_an_exception_the_others_still_count_and_the_first_is_raised() -> None:
    engine = engine_with(
        Scripted("A", start=failing_for(1, ValueError("first"))),
        Scripted("B", start=failing_for(1, KeyError("second"))),
        one_order_an_hour(),
    )

    with pytest.raises(ValueError, match=r"^first$"):
        engine.execute_pre_trade(order(1))

    assert reject_fields(engine.execute_pre_trade(order(2))) == [
        (
            "RateLimitExceeded",
            "rate limit exceeded: broker barrier",
            "submitted 2 orders in 3600s window, max allowed: 1",
            "RateLimitPolicy",
            "order",
        )
    ]


@pytest.mark.parametrize("stage", ["start", "main"])
def test_an_exception_blocks_nobody_but_a_reject_beside_it_does(stage: str) -> None:
    rejects = [reject("too far", scope="account")]
    engine = engine_with(
        Scripted("A", **{stage: failing_for(1, ValueError("broken"))}),
        Scripted(
            "B",
            **{
                stage: lambda ctx, order: (
                    () if order.operation.account_id == account(3) else answer[stage]
                )
            },
        ),
    )
    answer = {"start": rejects, "main": PolicyDecision(rejects)}

    with pytest.raises(ValueError, match=r"^broken$"):
        engine.execute_pre_trade(order(1))

    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        ("AccountBlocked", "too far", "", "B", "account")
    ]
    assert engine.execute_pre_trade(order(3))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_the_end_of_the_program_goes_through_as_any_exception(error: BaseException) -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a"))),
        Scripted("B", main=error),
        Scripted("C", main=accepting(mutation(trace, "c"))),
    )

    with pytest.raises(type(error)):
        engine.execute_pre_trade(order())

    assert trace == ["rollback c", "rollback a"]


# --- main stage --------------------------------------------------------------------------------


def test_an_accepted_order_gets_what_the_policies_set_aside_in_their_order() -> None:
    engine = engine_with(
        Scripted(
            "A",
            group_id=3,
            main=PolicyPreTradeResult(
                account_adjustments=(outcome("USD", -10, 90),), lock_prices=("1.50", "4")
            ),
        ),
        Scripted("Quiet"),
        Scripted(
            "B",
            main=PolicyPreTradeResult(
                account_adjustments=(outcome("AAPL", 1, 1),), lock_prices=("2",)
            ),
        ),
        Scripted("C", main=PolicyPreTradeResult(lock_prices=("3",))),
    )

    result = engine.execute_pre_trade(order())
    assert result.reservation is not None

    assert result.rejects == []
    assert repr(result.reservation.lock) == "Lock([(0, 2), (0, 3), (3, 1.50), (3, 4)])"
    assert [
        (item.policy_group_id, item.entry.asset, str(item.entry.balance.absolute))
        for item in result.reservation.account_adjustments
    ] == [(3, "USD", "90"), (0, "AAPL", "1")]


def test_a_reject_rolls_back_what_all_policies_did_in_reverse() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a1"), mutation(trace, "a2"))),
        Scripted("B", main=PolicyDecision((reject("no"),), (mutation(trace, "b"),))),
        Scripted("C", main=PolicyDecision((reject("neither"),), (mutation(trace, "c"),))),
    )

    result = engine.execute_pre_trade(order())

    assert result.reservation is None
    assert [(item.policy, item.reason) for item in result.rejects] == [
        ("B", "no"),
        ("C", "neither"),
    ]
    assert trace == ["rollback c", "rollback b", "rollback a2", "rollback a1"]


def test_an_exception_rolls_back_what_the_others_did() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a"))),
        Scripted("B", main=ValueError("first")),
        Scripted("C", main=accepting(mutation(trace, "c"))),
        Scripted("D", main=KeyError("second")),
    )

    with pytest.raises(ValueError, match=r"^first$"):
        engine.execute_pre_trade(order())

    assert trace == ["rollback c", "rollback a"]


def test_an_answer_that_cannot_be_read_counts_as_an_exception_and_is_undone() -> None:
    class Half:
        rejects = ()

        def __init__(self) -> None:
            self.mutations = [mutation(trace, "half"), 5]

    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a"))),
        Scripted("B", main=lambda ctx, order: Half()),
        Scripted("C", main=accepting(mutation(trace, "c"))),
    )

    with pytest.raises(AttributeError, match=r"^'int' object has no attribute 'commit'$"):
        engine.execute_pre_trade(order())

    assert trace == ["rollback c", "rollback half", "rollback a"]


def test_an_interrupt_in_the_midst_of_an_answer_undoes_what_was_read_of_it() -> None:
    class Slow:
        rejects = ()

        def __init__(self) -> None:
            self.mutations = self._made()

        def _made(self) -> Any:
            yield mutation(trace, "slow")
            raise KeyboardInterrupt

    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a"))),
        Scripted("B", main=lambda ctx, order: Slow()),
    )

    with pytest.raises(KeyboardInterrupt):
        engine.execute_pre_trade(order())

    assert trace == ["rollback slow", "rollback a"]


# --- failures of finalisers --------------------------------------------------------------------


def test_a_rollback_that_fails_is_raised_in_place_of_the_rejects_and_blocks_the_engine() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted(
            "A",
            main=accepting(
                mutation(trace, "a1", rollback=OSError("later")),
                mutation(trace, "a2", rollback=ValueError("disk")),
            ),
        ),
        Scripted("B", main=PolicyDecision((reject("no", scope="account"),))),
    )

    with pytest.raises(ValueError, match=r"^disk$"):
        engine.execute_pre_trade(order(1))

    assert trace == ["rollback a2", "rollback a1"]
    # The account's own cause goes before the engine's.
    assert reject_fields(engine.start_pre_trade(order(1))) == [
        ("AccountBlocked", "no", "", "B", "account")
    ]
    assert reject_fields(engine.start_pre_trade(order(2))) == [FINALISER_FAILED]


def test_a_callbacks_exception_goes_before_that_of_the_rollback_it_caused() -> None:
    engine = engine_with(
        Scripted("A", main=accepting(mutation([], "a", rollback=OSError("disk")))),
        Scripted("B", main=ValueError("broken")),
    )

    with pytest.raises(ValueError, match=r"^broken$"):
        engine.execute_pre_trade(order())

    assert reject_fields(engine.execute_pre_trade(order(2))) == [FINALISER_FAILED]


# --- blocks ------------------------------------------------------------------------------------


def test_an_order_that_a_block_stops_reaches_no_policy_and_counts_nowhere() -> None:
    asked: list[str] = []
    engine = engine_with(
        Scripted("A", start=lambda ctx, order: asked.append("A") or ()), one_order_an_hour()
    )
    engine.accounts().block(account(1), "under review")

    stopped = [engine.execute_pre_trade(order(1)) for _ in range(3)]

    assert reject_fields(stopped[0]) == [
        ("AccountBlocked", "under review", "under review", "Engine", "account")
    ]
    assert asked == []
    assert engine.execute_pre_trade(order(2))


def test_an_order_without_account_is_stopped_as_soon_as_anything_is_blocked() -> None:
    engine = engine_with(Scripted())
    assert engine.execute_pre_trade(order(None))

    engine.accounts().block(account(1), "under review")

    assert reject_fields(engine.execute_pre_trade(order(None))) == [
        (
            "MissingRequiredField",
            "account could not be verified as account ID is missing",
            "unable to check account for blocking",
            "Engine",
            "order",
        )
    ]
    engine.accounts().unblock(account(1))
    assert engine.execute_pre_trade(order(None))


def test_a_block_between_the_stages_stops_the_request() -> None:
    asked: list[str] = []
    engine = engine_with(Scripted(main=lambda ctx, order: asked.append("main")))
    request = engine.start_pre_trade(order()).request
    assert request is not None

    engine.accounts().block(account(1), "under review")

    assert reasons(request.execute()) == ["under review"]
    assert asked == []


def test_a_policy_blocks_the_account_at_once_and_the_main_stage_is_not_reached() -> None:
    asked: list[str] = []

    def block(ctx: Any, order: openpit.Order) -> tuple[()]:
        ctx.account_control.block(cause("suspicious"))
        return ()

    engine = engine_with(
        Scripted("A", start=block), Scripted("B", main=lambda ctx, order: asked.append("main"))
    )

    result = engine.execute_pre_trade(order())

    # The cause keeps its own code, and is told by the block check between the stages.
    assert reject_fields(result) == [("Custom", "suspicious", "seen", "Watch", "account")]
    assert result.rejects[0].user_data == 7
    assert asked == []


def test_a_block_made_by_a_policy_in_the_main_stage_is_for_the_next_order() -> None:
    def block(ctx: Any, order: openpit.Order) -> None:
        ctx.account_control.block(cause("first"))
        ctx.account_control.block(cause("second"))

    engine = engine_with(Scripted(main=block))

    accepted = engine.execute_pre_trade(order())

    assert accepted
    assert reasons(engine.execute_pre_trade(order())) == ["first"]


def test_an_account_control_works_after_its_call_and_survives_the_rollback() -> None:
    def main(ctx: Any, order: openpit.Order) -> PolicyDecision:
        control = ctx.account_control
        return accepting(mutation([], "a", rollback=lambda: control.block(cause("unsent"))))

    engine = engine_with(Scripted(main=main))
    reservation = engine.execute_pre_trade(order()).reservation
    assert reservation is not None

    reservation.rollback()

    assert reasons(engine.execute_pre_trade(order())) == ["unsent"]


# --- contexts and re-entrancy ------------------------------------------------------------------


def test_the_policies_of_one_request_see_one_group() -> None:
    seen: list[AccountGroupId | None] = []

    def look(ctx: Any, order: openpit.Order) -> tuple[()]:
        seen.append(ctx.account_group)
        return ()

    engine = engine_with(Scripted(start=look, main=look))
    engine.accounts().register_group([account(1)], 5)
    request = engine.start_pre_trade(order()).request
    assert request is not None

    engine.accounts().unregister_group([account(1)], 5)
    request.execute()
    engine.execute_pre_trade(order())

    assert seen == [AccountGroupId.from_int(5)] * 2 + [None] * 2


def test_the_context_of_an_order_without_account_controls_nothing() -> None:
    seen: list[object] = []
    engine = engine_with(
        Scripted(start=lambda ctx, order: seen.extend([ctx.account_control, ctx.account_group]))
    )

    engine.start_pre_trade(order(None))

    assert seen == [None, None]


def test_a_callback_may_send_orders_of_its_own() -> None:
    trace: list[str] = []
    held: list[Any] = []

    def main(ctx: Any, order_: openpit.Order) -> PolicyDecision:
        number = order_.operation.account_id.value
        if number == 1:
            held.append(engine.execute_pre_trade(order(2)).reservation)
        return accepting(mutation(trace, f"of account {number}"))

    engine = engine_with(Scripted(main=main), policies.build_order_validation())

    reservation = engine.execute_pre_trade(order(1)).reservation
    assert reservation is not None
    held[0].commit()
    reservation.rollback()

    assert trace == ["commit of account 2", "rollback of account 1"]


def test_an_order_class_that_skips_the_constructor_has_no_field_at_all() -> None:
    class Bare(openpit.Order):
        def __init__(self) -> None:
            pass

    engine = engine_with(policies.build_order_validation())

    assert [(item.code, item.details) for item in engine.execute_pre_trade(Bare()).rejects] == [
        ("MissingRequiredField", "failed to access field 'operation.trade_amount'")
    ]
    assert reasons(engine_with(Scripted()).execute_pre_trade(Bare())) == []
