"""The state of an account, as an operator reads it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from flow import IN_SHARD_0, buy
from link import link

from openpit import AccountAdjustment, AccountAdjustmentAmount, Engine
from openpit.account_adjustment import AccountPnlOperation, BalanceOperation
from openpit.param import AccountId, AdjustmentAmount, Pnl, PositionSize
from openpit.pretrade import AccountState, Holding, OpenHandles, PnlHaltReason
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit import ShardedEngine

ACCOUNT = AccountId.from_int(IN_SHARD_0)
USD = PositionSize("1000")


@pytest.fixture(params=["one engine", "two shards"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine | ShardedEngine]:
    if request.param == "one engine":
        yield Engine.builder().no_sync().builtin(build_spot_funds()).build()
        return
    sharded = link(Engine.builder().sharded(shards=2).builtin(build_spot_funds()))
    yield sharded
    sharded._driver.close()


def fund(engine: Engine | ShardedEngine) -> None:
    amount = AdjustmentAmount.absolute(USD)
    operation = BalanceOperation(asset="USD")
    adjustment = AccountAdjustment(
        operation=operation, amount=AccountAdjustmentAmount(balance=amount)
    )
    assert engine.apply_account_adjustment(ACCOUNT, [adjustment]).ok


def state(engine: Engine | ShardedEngine) -> AccountState:
    return engine.account_state(ACCOUNT)


def test_an_account_that_nobody_has_named_has_nothing(engine: Engine | ShardedEngine) -> None:
    assert state(engine) == AccountState(
        ACCOUNT, None, None, None, None, None, (), OpenHandles(0, 0, 0)
    )
    assert not state(engine).is_blocked


def test_what_an_open_order_holds_and_what_its_end_gives_back(
    engine: Engine | ShardedEngine,
) -> None:
    fund(engine)
    result = engine.execute_pre_trade(buy(IN_SHARD_0, "2", "100"))
    (funds,) = state(engine).policies
    assert (funds.policy, funds.policy_group_id) == ("SpotFundsPolicy", 0)
    zero = PositionSize("0")
    assert funds.holdings == (
        Holding("AAPL", zero, zero, PositionSize("2"), None, None),
        Holding("USD", PositionSize("800"), PositionSize("200"), zero, None, None),
    )
    assert state(engine).open == OpenHandles(1, 0, 0)
    result.reservation.rollback()
    (funds,) = state(engine).policies
    assert funds.holdings == (Holding("USD", USD, zero, zero, None, None),)
    assert state(engine).open == OpenHandles(0, 0, 0)


def test_every_kind_of_open_handle_is_counted_until_its_end(engine: Engine | ShardedEngine) -> None:
    fund(engine)
    started = engine.start_pre_trade(buy(IN_SHARD_0, "1", "100"))
    operation = engine.apply_drop_copy(buy(IN_SHARD_0, "1", "100")).operation
    kept = engine.execute_pre_trade(buy(IN_SHARD_0, "1", "100")).reservation
    dropped = engine.execute_pre_trade(buy(IN_SHARD_0, "1", "100"))
    assert state(engine).open == OpenHandles(2, 1, 1)
    del dropped
    assert state(engine).open == OpenHandles(1, 1, 1)
    executed = started.request.execute()
    assert state(engine).open == OpenHandles(2, 1, 0)
    for handle in (kept, operation, executed.reservation):
        handle.commit()
    assert state(engine).open == OpenHandles(0, 0, 0)


def test_why_an_account_is_blocked_its_own_cause_first(engine: Engine | ShardedEngine) -> None:
    accounts = engine.accounts()
    accounts.register_group([ACCOUNT], 7)
    accounts.block_group(7, "desk closed")
    assert state(engine).group == accounts.group_of(ACCOUNT)
    cause = state(engine).cause
    assert cause is not None
    assert (cause.policy, cause.code, cause.reason) == ("Engine", "AccountBlocked", "desk closed")
    accounts.block(ACCOUNT, "by hand")
    told = state(engine)
    assert told.cause is told.block is not None
    assert told.group_block is not None
    assert (told.block.reason, told.group_block.reason) == ("by hand", "desk closed")
    assert told.engine_block is None


def test_a_halt_is_the_last_of_the_causes(engine: Engine | ShardedEngine) -> None:
    engine.halt("drill")
    told = state(engine).cause
    assert told is not None
    assert (told.policy, told.code, told.reason) == ("Engine", "AccountBlocked", "drill")
    engine.accounts().block(ACCOUNT, "by hand")
    cause = state(engine).cause
    assert cause is not None
    assert cause.reason == "by hand"


def test_currency_and_pnl_and_why_a_pnl_is_not_counted(engine: Engine | ShardedEngine) -> None:
    engine.accounts().set_currency(ACCOUNT, "EUR")
    for pnl in (Pnl("-12.50"), PnlHaltReason.MISSING_FX):
        adjustment = AccountAdjustment(operation=AccountPnlOperation(state=pnl))
        assert engine.apply_account_adjustment(ACCOUNT, [adjustment]).ok
        told = state(engine)
        assert told.currency == "EUR"
        ((found,),) = [policy.pnls for policy in told.policies]
        assert (found.currency, found.pnl) == ("EUR", pnl)


def test_it_cannot_be_changed(engine: Engine | ShardedEngine) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        state(engine).currency = "USD"  # type: ignore[misc]  # that is what is tried


def test_an_account_is_an_account_id(engine: Engine | ShardedEngine) -> None:
    with pytest.raises(TypeError, match="AccountId"):
        engine.account_state(1)  # type: ignore[arg-type]  # that is what is tried
