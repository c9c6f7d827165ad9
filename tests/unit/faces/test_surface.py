from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Acting, Marked, Reserving, Seeing, Unusual
from flow import AAPL, IN_SHARD_0, IN_SHARD_1, account, buy, fill, operation, report
from link import byte_by_byte, link

from openpit import Engine
from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.core import Mutation, Order, OrderMargin
from openpit.errors import (
    AccountBlockError,
    AccountGroupRegistrationError,
    EngineClosed,
    PolicyConfigureError,
    ShardDown,
    SomeItemsFailed,
)
from openpit.marketdata import Quote, QuoteTtl
from openpit.param import AccountGroupId, AdjustmentAmount
from openpit.pretrade import (
    AccountBlock,
    Policy,
    PolicyPreTradeResult,
    PolicyReject,
    PostTradeResult,
    RejectCode,
)
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    SpotFundsPnlBoundsBarrier,
    build_order_size_limit,
    build_order_validation,
    build_pnl_bounds_killswitch,
    build_rate_limit,
    build_spot_funds,
)

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = SECOND

    def __call__(self) -> int:
        return self.now


def engine(*policies: Policy, shards: int = 2, clock: Any = None, **options: Any) -> ShardedEngine:
    builder = Engine.builder().clock(clock or Clock()).sharded(shards, **options)
    ready = builder.builtin(build_order_validation())
    for policy in policies:
        ready.pre_trade(policy)
    return link(ready)


def reasons(result: Any) -> list[str]:
    return [reject.reason for reject in result.rejects]


# --- orders and handles ------------------------------------------------------------------------


def test_an_accepted_order_without_effects_is_finalised_by_its_handle() -> None:
    sharded = engine()
    result = sharded.execute_pre_trade(buy())
    assert result.ok
    assert result.reservation.lock.entries() == []
    assert result.reservation.account_adjustments == []
    sent = [shard.sent for shard in sharded.stats()]
    result.reservation.commit()
    assert [shard.sent for shard in sharded.stats()] == sent
    for use in ("commit", "rollback", "lock", "account_adjustments"):
        with pytest.raises(RuntimeError, match="reservation has already been finalized"):
            getattr(result.reservation, use)()


def test_a_reservation_with_effects_is_finalised_in_its_shard() -> None:
    sharded = link(Engine.builder().sharded(2).builtin(build_spot_funds()), split=byte_by_byte)
    seed = Adjustment(
        operation=BalanceOperation(asset="USD"),
        amount=Amount(balance=AdjustmentAmount.delta("1000")),
    )
    adjusted = sharded.apply_account_adjustment(account(1), [seed])
    assert str(adjusted.outcomes[0].entry.balance.absolute) == "1000"
    result = sharded.execute_pre_trade(buy(1, "10", "50"))
    assert [str(price) for _, price in result.reservation.lock.entries()] == ["50"]
    money, shares = [outcome.entry for outcome in result.reservation.account_adjustments]
    assert (money.asset, str(money.balance.absolute), str(money.held.delta)) == (
        "USD",
        "500",
        "500",
    )
    assert (shares.asset, str(shares.incoming.absolute)) == ("AAPL", "10")
    result.reservation.commit()
    for use in ("commit", "rollback"):
        with pytest.raises(RuntimeError, match="reservation has already been finalized"):
            getattr(result.reservation, use)()
    with pytest.raises(RuntimeError):
        _ = result.reservation.lock
    filled = sharded.apply_execution_report(fill(1, "50", "10", "0", final=True))
    shares, money = [outcome.entry for outcome in filled.account_adjustments]
    assert (shares.asset, str(shares.balance.absolute)) == ("AAPL", "10")
    assert (money.asset, str(money.held.absolute)) == ("USD", "0")


def test_a_dropped_reservation_is_rolled_back_before_the_next_order() -> None:
    sharded = engine(Reserving())
    result = sharded.execute_pre_trade(buy(1, "40"))
    assert sharded.execute_pre_trade(buy(1, "203")).rejects[0].details == "40"
    del result
    gc.collect()
    assert sharded.execute_pre_trade(buy(1, "203")).rejects[0].details == "0"


def test_a_dropped_reservation_whose_rollback_fails_blocks_every_account_at_once() -> None:
    sharded = engine(Reserving())
    result = sharded.execute_pre_trade(buy(IN_SHARD_0, "202"))
    del result
    gc.collect()
    assert reasons(sharded.execute_pre_trade(buy(IN_SHARD_1))) == ["mutation finalizer failed"]
    sharded.accounts().unblock_all()
    assert sharded.execute_pre_trade(buy(IN_SHARD_1)).ok


def test_a_dropped_handle_is_out_of_the_way_before_a_procedure_too() -> None:
    sharded = engine(Reserving())
    result = sharded.execute_pre_trade(buy(IN_SHARD_0, "202"))
    del result
    gc.collect()
    sharded.accounts().unblock_all()
    assert sharded.execute_pre_trade(buy(IN_SHARD_1)).ok


def test_both_stages_apart() -> None:
    sharded = engine(Reserving())
    started = sharded.start_pre_trade(buy(1, "30"))
    assert started.ok
    result = started.request.execute()
    assert result.ok
    result.reservation.rollback()
    with pytest.raises(RuntimeError, match="request has already been executed"):
        started.request.execute()
    assert not sharded.start_pre_trade(buy(1, "0")).ok
    unused = sharded.start_pre_trade(buy(1))
    del unused
    gc.collect()
    assert not sharded.execute_pre_trade(buy(1, "0")).ok
    assert all(not shard.core.open_handles for shard in sharded._driver.shards)


def test_a_request_that_outlives_its_engine_refuses() -> None:
    sharded = engine()
    driver = sharded._driver
    request = sharded.start_pre_trade(buy()).request
    del sharded
    gc.collect()
    assert reasons(request.execute()) == ["engine is no longer available"]
    driver.run(driver.client.administer, 1, "unblock")
    assert not driver.shards[1].core.open_handles


def test_dry_runs_record_nothing() -> None:
    sharded = link(Engine.builder().sharded(2).builtin(build_spot_funds()))
    dry = sharded.execute_pre_trade_dry_run(buy(1, "10", "50"))
    assert reasons(dry) == ["spot funds insufficient"]
    assert dry.account_block is None
    assert sharded.start_pre_trade_dry_run(buy(1)).is_pass
    passing = engine(Locking()).execute_pre_trade_dry_run(buy(1))
    assert (passing.is_pass, len(passing.lock), passing.account_adjustments) == (True, 1, [])


class Locking(Policy):
    name = "Locking"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return PolicyPreTradeResult.accept(lock_prices=["1.50"])


def test_an_order_that_only_locks_is_finalised_by_its_handle() -> None:
    sharded = engine(Locking())
    results = sharded.execute_pre_trade_many([buy(1), buy(1)])
    assert [len(result.reservation.lock) for result in results] == [1, 1]
    sharded.commit_many([results[0].reservation])
    results[1].reservation.rollback()
    copied = sharded.apply_drop_copy(buy(1)).operation
    copied.rollback()
    with pytest.raises(RuntimeError, match="drop-copy operation has already been finalized"):
        copied.commit()


class Demanding(Policy):
    """Asks for a block by what comes; mutates what it sees."""

    name = "Demanding"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        return [PolicyReject(RejectCode.CUSTOM, "told", "", scope(order))] if order.margin else ()

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        if ctx.is_drop_copy:
            ctx.account_control.block(
                AccountBlock(policy="Demanding", code="Other", reason="copied", details="")
            )
        return PolicyPreTradeResult.accept(mutations=[Mutation(lambda: None, lambda: None)])

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        block = AccountBlock(policy="Demanding", code="Other", reason="reported", details="")
        return PostTradeResult(account_blocks=[block])


def scope(order: Any) -> Any:
    return order.margin


def test_drop_copies() -> None:
    sharded = engine(Demanding())
    copied = sharded.apply_drop_copy(buy(1)).operation
    assert copied.account_block.reason == "copied"
    assert copied.is_account_blocked
    assert copied.lock.entries() == []
    copied.commit()
    with pytest.raises(RuntimeError, match="drop-copy operation has already been finalized"):
        _ = copied.account_block
    with pytest.raises(RuntimeError):
        _ = copied.is_account_blocked
    refused = sharded.apply_drop_copy(buy(None))
    assert reasons(refused) == ["drop-copy requires a readable account ID"]
    sharded.apply_drop_copy(buy(2)).operation.rollback()


def test_what_custom_policies_see() -> None:
    sharded = engine(Seeing())
    result = sharded.execute_pre_trade(Marked([1, "x"], operation=operation()))
    assert result.rejects[0].details == "('Marked', [1, 'x'], None)"
    many = sharded.execute_pre_trade_many([buy(), Marked(7, operation=operation())])
    assert [r.rejects[0].details for r in many] == ["('Order', None, None)", "('Marked', 7, None)"]


class Naming(Policy):
    """Says whose desk an order or a report is of, as their groups tell."""

    name = "Naming"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        desks = [getattr(group, "desk", "none") for group in (order.operation, order.margin)]
        return [PolicyReject(RejectCode.CUSTOM, "desk", " ".join(desks))]

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        groups = (report.operation, report.financial_impact, report.fill)
        reason = " ".join(getattr(group, "desk", "none") for group in groups)
        block = AccountBlock(policy="Naming", code="Custom", reason=reason, details="")
        return PostTradeResult(account_blocks=[block])


def test_custom_policies_see_what_users_add_to_the_groups_of_orders_and_reports() -> None:
    sharded = engine(Naming())
    order: Any = buy()
    order.operation.desk = "rates"
    checks = (sharded.execute_pre_trade, sharded.start_pre_trade)
    results = [check(order) for check in checks]
    results += sharded.execute_pre_trade_many([order, buy()])
    details = [result.rejects[0].details for result in results]
    assert details == ["rates none"] * 3 + ["none none"]
    margin: Any = OrderMargin(leverage=5)
    margin.desk = "rates"
    told = sharded.execute_pre_trade(Order(operation=operation(), margin=margin))
    assert told.rejects[0].details == "none rates"
    for number, group in enumerate(("operation", "financial_impact", "fill")):
        sent: Any = report(number) if group != "fill" else fill(number, "1", "1", "0", final=False)
        getattr(sent, group).desk = "rates"
        [block] = sharded.apply_execution_report(sent).account_blocks
        assert block.reason.split().index("rates") == number
    [kept] = sharded.apply_execution_report_many([sent])
    assert kept.account_blocks[0].reason == "none none rates"


def test_what_cannot_travel_does_not_matter_where_nobody_could_see_it() -> None:
    sharded = engine()
    order = Marked(object(), operation=operation())
    assert sharded.execute_pre_trade(order).ok
    assert sharded.start_pre_trade(order).ok
    assert sharded.execute_pre_trade_many([buy(), order])[1].ok


def test_arguments_of_a_wrong_class() -> None:
    sharded = engine()
    with pytest.raises(TypeError, match=r"order must inherit from openpit.Order"):
        sharded.execute_pre_trade(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"report must inherit from openpit.ExecutionReport"):
        sharded.apply_execution_report(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"account_id must be openpit.param.AccountId"):
        sharded.shard_of(5)  # type: ignore[arg-type]


# --- exceptions --------------------------------------------------------------------------------


def test_exceptions_of_policies_reach_the_caller() -> None:
    sharded = engine(Acting())
    with pytest.raises(Unusual):
        sharded.execute_pre_trade(buy(1, "101"))
    with pytest.raises(Unusual):
        sharded.start_pre_trade(buy(None, "101"))
    with pytest.raises(KeyboardInterrupt):
        sharded.execute_pre_trade_many([buy(1, "101"), buy(1, "105")])


def test_a_failed_commit_blocks_all_accounts_before_it_is_told() -> None:
    sharded = engine(Reserving())
    result = sharded.execute_pre_trade(buy(IN_SHARD_0, "201"))
    with pytest.raises(ValueError, match="commit failed"):
        result.reservation.commit()
    for number in (IN_SHARD_0, IN_SHARD_1):
        assert reasons(sharded.execute_pre_trade(buy(number))) == ["mutation finalizer failed"]


def test_a_report_of_no_account_that_asks_for_a_block_blocks_all() -> None:
    sharded = engine(Demanding())
    assert sharded.apply_execution_report(report(None)).account_blocks[0].reason == "reported"
    for number in (IN_SHARD_0, IN_SHARD_1):
        assert reasons(sharded.execute_pre_trade(buy(number))) == [
            "account is blocked due to kill-switch"
        ]
    (kept, _) = sharded.apply_execution_report_many([report(None), report(1)])
    assert kept.account_blocks[0].policy == "Demanding"


# --- volume ------------------------------------------------------------------------------------


def test_many_orders_in_input_order() -> None:
    sharded = engine(shards=3)
    orders = [buy(number, "0" if number % 7 == 0 else "10") for number in range(1_000)]
    results = sharded.execute_pre_trade_many(orders)
    assert [result.ok for result in results] == [number % 7 != 0 for number in range(1_000)]
    sharded.commit_many([result.reservation for result in results if result])
    assert sharded.execute_pre_trade_many([]) == []


def test_many_of_any_size_stay_within_the_credits() -> None:
    sharded = engine(credits=3, shards=1, max_wait=0.0)
    assert all(result.ok for result in sharded.execute_pre_trade_many([buy(n) for n in range(100)]))
    assert len(sharded.apply_execution_report_many([report(n) for n in range(100)])) == 100
    assert sharded.stats()[0].in_flight == 0


def test_an_order_of_no_account_in_the_middle_waits_for_those_before_it() -> None:
    sharded = engine(Demanding())
    orders = [buy(1), buy(None), 5, buy(2)]
    with pytest.raises(ExceptionGroup, match="execute_pre_trade_many failed at index 2"):
        sharded.execute_pre_trade_many(orders)  # type: ignore[list-item]
    results = sharded.execute_pre_trade_many([buy(1), buy(None), buy(None), buy(2)])
    assert [result.ok for result in results] == [True] * 4
    sharded.accounts().block(account(1), "closed")
    results = sharded.execute_pre_trade_many([buy(1), buy(None), buy(2)])
    assert [result.ok for result in results] == [False, False, True]
    assert reasons(results[1]) == ["account could not be verified as account ID is missing"]
    built_in = engine()
    built_in.accounts().block(account(1), "closed")
    results = built_in.execute_pre_trade_many([buy(2), buy(None), buy(2)])
    assert [result.ok for result in results] == [True, False, True]
    failing = engine(Acting())
    with pytest.raises(ExceptionGroup, match="failed at index 0"):
        failing.execute_pre_trade_many([buy(None, "101"), buy(1)])


def test_commits_and_rollbacks_of_many() -> None:
    sharded = engine(Reserving())
    results = sharded.execute_pre_trade_many([buy(number, "10") for number in range(20)])
    sharded.rollback_many([result.reservation for result in results[:19]])
    sharded.commit_many([results[19].reservation])
    with pytest.raises(ExceptionGroup, match="commit_many failed at index 0, 1, 2") as group:
        sharded.commit_many([results[0].reservation, None, 5])  # type: ignore[list-item]
    assert isinstance(group.value.exceptions[0], RuntimeError)
    failing = [sharded.execute_pre_trade(buy(n, q)).reservation for n, q in ((1, "201"), (2, "9"))]
    with pytest.raises(SomeItemsFailed, match="commit_many failed at index 0") as group:
        sharded.commit_many(failing)
    assert str(group.value.failures) == "{0: ValueError('commit failed')}"
    assert group.value.results == [None, True]


def test_orders_that_raise_leave_the_others_with_their_reservations() -> None:
    sharded = engine(Acting(), Reserving(), shards=1)

    def reserved() -> str:
        return sharded.execute_pre_trade(buy(9, "203")).rejects[0].details

    orders = [buy(1, "10"), buy(2, "101"), buy(3, "20"), buy(4, "40")]
    try:
        sharded.execute_pre_trade_many(orders)
    except SomeItemsFailed as failed:
        told = (str(failed.failures), [bool(result) for result in failed.results])
        meanwhile = reserved()
        failed.results[0].reservation.commit()
        kept = failed.results[2]
    assert told == ("{1: Unusual('one hundred and one')}", [True, False, True, True])
    assert meanwhile == "70"
    assert reserved() == "30"  # nobody holds the fourth any more
    kept.reservation.rollback()
    assert reserved() == "10"


def test_reservations_of_another_engine_are_finalised_there() -> None:
    one, other = engine(Reserving()), engine(Reserving())
    foreign = other.execute_pre_trade(buy(1, "10")).reservation
    local = engine().execute_pre_trade(buy(1)).reservation
    one.rollback_many([foreign, local])
    assert other.execute_pre_trade(buy(1, "203")).rejects[0].details == "0"
    with pytest.raises(RuntimeError):
        local.commit()


def test_many_reports() -> None:
    sharded = engine(Demanding())
    results = sharded.apply_execution_report_many([report(1), report(2)])
    assert [len(result.account_blocks) for result in results] == [1, 1]
    with pytest.raises(SomeItemsFailed, match="many failed at index 1") as failed:
        sharded.apply_execution_report_many([report(1), 5])  # type: ignore[list-item]
    applied, refused = failed.value.results
    assert len(applied.account_blocks) == 1
    assert refused is None


class Grumbling(Policy):
    name = "Grumbling"

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        raise ValueError("no reports here")


def test_many_reports_that_fail() -> None:
    sharded = engine(Grumbling())
    with pytest.raises(ExceptionGroup, match="failed at index 0, 1"):
        sharded.apply_execution_report_many([report(1), report(2)])


def test_an_item_that_cannot_be_packed_fails_alone() -> None:
    sharded = engine()
    strange = buy(1)
    strange._underlying_ = "\ud800"
    with pytest.raises(ExceptionGroup, match="failed at index 1"):
        sharded.execute_pre_trade_many([buy(1), strange, buy(1)])
    with pytest.raises(UnicodeEncodeError):
        sharded.execute_pre_trade(strange)
    odd = report(1)
    odd._underlying_ = "\ud800"
    with pytest.raises(ExceptionGroup, match="failed at index 0"):
        sharded.apply_execution_report_many([odd, report(1)])


# --- rate limits that span accounts --------------------------------------------------------------


def limited(clock: Clock, limit: int = 2, **axes: Any) -> ShardedEngine:
    rate = RateLimit(limit, timedelta(seconds=1))
    builder = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    for axis, barriers in axes.items():
        getattr(builder, axis)(*barriers)
    return link(Engine.builder().clock(clock).sharded(2).builtin(builder))


def test_the_broker_axis_counts_the_orders_of_all_shards() -> None:
    clock = Clock()
    sharded = limited(clock)
    assert [sharded.execute_pre_trade(buy(n)).ok for n in (IN_SHARD_0, IN_SHARD_1, 1)] == [
        True,
        True,
        False,
    ]
    dry = sharded.execute_pre_trade_dry_run(buy(IN_SHARD_0))
    assert dry.rejects[0].details == "submitted 4 orders in 1s window, max allowed: 2"
    clock.now += SECOND
    results = sharded.execute_pre_trade_many([buy(number) for number in range(4)])
    assert [result.ok for result in results] == [True, True, False, False]
    assert not sharded.start_pre_trade(buy(1)).ok
    sharded.configure().rate_limit("RateLimitPolicy", clear_broker=True)
    assert sharded.execute_pre_trade(buy(1)).ok


def test_a_blocked_order_is_not_counted() -> None:
    sharded = limited(Clock())
    sharded.accounts().block(account(1), "closed")
    for _ in range(3):
        assert reasons(sharded.execute_pre_trade(buy(1))) == ["closed"]
    assert [result.ok for result in sharded.execute_pre_trade_many([buy(1), buy(2)])] == [
        False,
        True,
    ]
    assert sharded.execute_pre_trade(buy(2)).ok
    assert not sharded.execute_pre_trade(buy(2)).ok


def test_a_window_that_a_blocked_order_opened_is_never_too_short() -> None:
    clock = Clock()
    sharded = limited(clock, 1)
    clock.now = 3 * SECOND
    sharded.accounts().block(account(1), "closed")
    results = sharded.execute_pre_trade_many([buy(1), buy(2)])
    assert [result.ok for result in results] == [False, False]
    clock.now += SECOND - 1
    assert not sharded.execute_pre_trade(buy(2)).ok
    clock.now += 1
    assert sharded.execute_pre_trade(buy(2)).ok


@pytest.mark.parametrize("has_assets", [False, True])
def test_a_dead_shard_s_orders_are_not_counted(has_assets: bool) -> None:
    rate = RateLimit(1, timedelta(seconds=1))
    axes = {"asset_barriers": [RateLimitAssetBarrier(rate, "USD")]} if has_assets else {}
    sharded = limited(Clock(), 1, **axes)
    sharded._driver.kill(0)
    assert not sharded.execute_pre_trade(buy(IN_SHARD_0)).ok
    results = sharded.execute_pre_trade_many([buy(IN_SHARD_0), buy(IN_SHARD_1), buy(IN_SHARD_1)])
    assert [result.ok for result in results] == [False, True, False]


def test_orders_without_what_the_policy_reads_are_not_counted() -> None:
    rate = RateLimit(1, timedelta(seconds=1))
    sharded = limited(
        Clock(),
        1,
        asset_barriers=[RateLimitAssetBarrier(rate, "USD")],
        account_barriers=[RateLimitAccountBarrier(rate, account(1))],
    )
    assert reasons(sharded.execute_pre_trade(Order())) == [
        "failed to access required field 'instrument'"
    ]
    for check in (sharded.execute_pre_trade, sharded.execute_pre_trade_dry_run):
        assert reasons(check(buy(None))) == ["failed to access required field 'account ID'"]
    of_assets = limited(Clock(), 1, asset_barriers=[RateLimitAssetBarrier(rate, "USD")])
    assert not of_assets.execute_pre_trade(Order()).ok
    assert of_assets.execute_pre_trade(buy(1)).ok
    assert sharded.execute_pre_trade(buy(1)).ok


# --- accounts ----------------------------------------------------------------------------------


def test_groups_change_for_all_listed_accounts_or_for_none() -> None:
    sharded = engine(shards=3)
    accounts = sharded.accounts()
    everyone = [account(number) for number in range(6)]
    accounts.register_group(everyone[:3], 7)
    assert accounts.group_of(everyone[0]) == AccountGroupId.from_int(7)
    assert accounts.group_of(everyone[5]) is None
    with pytest.raises(AccountGroupRegistrationError, match="registered in a different group"):
        accounts.register_group([everyone[5], everyone[0]], 8)
    assert accounts.group_of(everyone[5]) is None
    with pytest.raises(AccountGroupRegistrationError, match="it belongs to no group"):
        accounts.unregister_group([everyone[5], everyone[0]], 8)
    with pytest.raises(AccountGroupRegistrationError, match="reserved default"):
        accounts.register_group([], AccountGroupId.DEFAULT)
    accounts.register_group([], 9)
    accounts.unregister_group(everyone[:3], 7)
    assert accounts.group_of(everyone[0]) is None


def test_a_group_change_is_refused_for_the_first_account_that_is_wrong() -> None:
    accounts = engine().accounts()
    accounts.register_group([account(2), account(4)], 7)  # in shard 0, as 5 is; 1 is in shard 1
    accounts.register_group([account(5)], 8)
    for listed, text in (((2, 4, 5, 1), "a different group"), ((2, 4, 1, 5), "no group")):
        with pytest.raises(AccountGroupRegistrationError, match=f"it belongs to {text}"):
            accounts.unregister_group([account(number) for number in listed], 7)


def test_blocks_of_accounts_and_groups() -> None:
    sharded = engine()
    accounts = sharded.accounts()
    accounts.register_group([account(1), account(2)], 7)
    accounts.block_group(7, "group closed")
    assert reasons(sharded.execute_pre_trade(buy(1))) == ["group closed"]
    accounts.replace_group_block_reason(7, "still closed")
    assert reasons(sharded.execute_pre_trade(buy(2))) == ["still closed"]
    assert reasons(sharded.execute_pre_trade(buy(None))) == [
        "account could not be verified as account ID is missing"
    ]
    accounts.unblock_group(7)
    accounts.block(account(1), "closed")
    accounts.replace_block_reason(account(1), "really closed")
    assert reasons(sharded.execute_pre_trade(buy(1))) == ["really closed"]
    accounts.unblock(account(1))
    accounts.block_with_cause(
        account(1), AccountBlock(policy="Desk", code="Other", reason="why", details="d")
    )
    assert sharded.execute_pre_trade(buy(1)).rejects[0].policy == "Desk"
    with pytest.raises(AccountBlockError, match="account is not blocked"):
        accounts.replace_block_reason(account(2), "x")
    with pytest.raises(AccountBlockError, match="account group is not blocked"):
        accounts.replace_group_block_reason(7, "x")
    with pytest.raises(TypeError):
        accounts.block_with_cause(account(1), "x")  # type: ignore[arg-type]


def test_a_request_of_no_account_is_used_up_by_a_block() -> None:
    sharded = engine()
    first, second = (sharded.start_pre_trade(buy(None)).request for _ in range(2))
    assert first.execute().ok
    sharded.accounts().block(account(1), "closed")
    assert reasons(second.execute()) == ["account could not be verified as account ID is missing"]
    sharded.accounts().unblock(account(1))  # a dropped handle goes ahead of the next command
    assert not sharded._driver.shards[0].core.open_handles


def test_currencies() -> None:
    sharded = engine()
    accounts = sharded.accounts()
    accounts.set_currency(account(1), "USD")
    accounts.set_group_currency(0, "EUR")
    registry = sharded._driver.shards[1].core.engine.registry
    assert (registry.currency_of(1), registry.currency_of(3)) == ("USD", "EUR")
    accounts.clear_currency(account(1))
    accounts.clear_group_currency(0)
    assert registry.currency_of(1) is None


# --- settings and market data ------------------------------------------------------------------


def test_settings_apply_everywhere_or_nowhere() -> None:
    barrier = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="5"))
    sharded = link(
        Engine.builder()
        .sharded(2)
        .builtin(build_order_size_limit().broker_barrier(barrier))
        .builtin(
            build_pnl_bounds_killswitch().broker_barriers(
                PnlBoundsBrokerBarrier("USD", lower_bound="-100")
            )
        )
        .builtin(build_spot_funds())
    )
    configure = sharded.configure()
    assert not sharded.execute_pre_trade(buy(1, "6")).ok
    configure.order_size_limit("OrderSizeLimitPolicy", clear_broker=True)
    with pytest.raises(PolicyConfigureError, match="no configurable policy named nope"):
        configure.order_size_limit("nope")
    with pytest.raises(TypeError):
        configure.order_size_limit("OrderSizeLimitPolicy", broker=5)  # type: ignore[arg-type]
    configure.pnl_bounds_killswitch(
        "PnlBoundsKillSwitchPolicy", broker_barriers=[PnlBoundsBrokerBarrier("USD", "-50")]
    )
    configure.set_account_pnl(
        "PnlBoundsKillSwitchPolicy", account=account(2), settlement_asset="USD", pnl="-60"
    )
    assert reasons(sharded.execute_pre_trade(buy(2)))[0] == (
        "pnl kill switch triggered: broker barrier"
    )
    with pytest.raises(ValueError, match="Pnl must be a Decimal, str, int, or float"):
        configure.set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=account(2),
            settlement_asset="USD",
            pnl=object(),  # type: ignore[arg-type]
        )
    with pytest.raises(TypeError):
        configure.set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=2,  # type: ignore[arg-type]
            settlement_asset="USD",
            pnl="1",
        )
    configure.spot_funds("SpotFundsPolicy", global_slippage_bps=5)
    for number in (3, 4, 5):
        sharded.accounts().set_currency(account(number), "USD")
    told = configure.spot_funds_pnl_bounds_killswitch(
        "SpotFundsPolicy", global_barrier=SpotFundsPnlBoundsBarrier("USD", lower_bound="1")
    )
    assert [outcome.account_id.value for outcome in told.account_blocks] == [3, 4, 5]
    told = configure.set_spot_funds_account_pnl("SpotFundsPolicy", account=account(6), state="-5")
    assert [block.code for block in told.account_blocks] == ["PnlKillSwitchTriggered"]
    told = configure.set_spot_funds_account_pnl("SpotFundsPolicy", account=account(7), state="5")
    assert told.account_blocks == []


def test_quotes_are_there_before_the_next_order() -> None:
    builder = Engine.builder().sharded(2)
    service = builder.market_data(QuoteTtl.infinite()).build()
    service.push_by_instrument(AAPL, Quote(mark="100"), timedelta(0))
    sharded = link(builder.builtin(build_spot_funds().market_data(service, 0)))
    assert sharded.execute_pre_trade(buy(1, "1", None)).rejects[0].details == (
        "asset USD: available 0, requested 100"
    )
    service.push_by_instrument(AAPL, Quote(mark="200"), timedelta(0))
    assert sharded.execute_pre_trade(buy(2, "1", None)).rejects[0].details == (
        "asset USD: available 0, requested 200"
    )
    sharded._driver.kill(0)
    service.push_by_instrument(AAPL, Quote(mark="250"), timedelta(0))
    assert [stats.in_flight for stats in sharded.stats()] == [0, 1]
    sharded.close()
    service.push_by_instrument(AAPL, Quote(mark="300"), timedelta(0))
    for feed in sharded._driver.feeds:
        feed.end()
    assert service._listeners == []


# --- the end -----------------------------------------------------------------------------------


def test_closing() -> None:
    sharded = engine(Reserving())
    kept = sharded.execute_pre_trade(buy(1, "10")).reservation
    with sharded:
        pass
    sharded.close()
    assert [shard.state for shard in sharded.stats()] == ["closed", "closed"]
    calls = [
        lambda: sharded.execute_pre_trade(buy()),
        lambda: sharded.execute_pre_trade(buy(None)),
        lambda: sharded.execute_pre_trade_many([buy()]),
        lambda: sharded.apply_execution_report(report()),
        lambda: sharded.accounts().unblock_all(),
        kept.commit,
    ]
    for call in calls:
        with pytest.raises(EngineClosed, match="the engine is closed"):
            call()


def test_a_dead_shard_says_so_to_everything_but_orders() -> None:
    sharded = engine(Reserving())
    kept = sharded.execute_pre_trade(buy(IN_SHARD_1, "10")).reservation
    local = engine()
    plain = local.execute_pre_trade(buy(IN_SHARD_1)).reservation
    sharded._driver.kill(1)
    local._driver.kill(1)
    calls = [
        kept.commit,
        plain.commit,
        lambda: sharded.apply_execution_report(report(IN_SHARD_1)),
        lambda: sharded.apply_account_adjustment(account(IN_SHARD_1), []),
        lambda: sharded.accounts().block(account(IN_SHARD_1), "x"),
        lambda: sharded.accounts().register_group([account(IN_SHARD_1)], 7),
    ]
    for call in calls:
        with pytest.raises(ShardDown, match="shard 1 is down: killed by the test") as down:
            call()
        assert down.value.shard == 1
    sharded.accounts().block_group(7, "the living shard knows")
    assert sharded.stats()[1].why == "killed by the test"
    (reject,) = sharded.execute_pre_trade(buy(None)).rejects
    assert (reject.policy, reject.details) == ("Router", "shard 1: killed by the test")
    with pytest.raises(ExceptionGroup, match="failed at index 1"):
        sharded.apply_execution_report_many([report(IN_SHARD_0), report(IN_SHARD_1)])
    sharded._driver.kill(0)
    with pytest.raises(ShardDown):
        sharded.accounts().unblock_all()
    sharded.close()
