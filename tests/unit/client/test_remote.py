"""What a session's role may not is refused before it is sent; see also test_session_link.py."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flow import account, buy, report
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.errors import NotPermitted
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
)
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = timedelta(hours=1)


def barrier(orders: int) -> RateLimitBrokerBarrier:
    return RateLimitBrokerBarrier(RateLimit(orders, HOUR))


def host(limit: int = 3) -> SwitchedHost:
    ticks = iter(range(10**9))
    builder = openpit.Engine.builder().clock(lambda: next(ticks)).sharded(2)
    rate = build_rate_limit().broker_barrier(barrier(limit))
    return SwitchedHost(builder.builtin(build_order_validation()).builtin(rate))


def session(its: SwitchedHost, role: int = Role.ADMIN) -> ShardedEngine:
    return ShardedEngine._of(SwitchedDriver(its, role=role))


# --- roles -------------------------------------------------------------------------------------

TRADING: dict[str, Callable[[ShardedEngine], Any]] = {
    "an order": lambda engine: engine.execute_pre_trade(buy(1)),
    "many": lambda engine: engine.execute_pre_trade_many([buy(1), buy(2)]),
    "a start": lambda engine: engine.start_pre_trade(buy(1)),
    "a drop copy": lambda engine: engine.apply_drop_copy(buy(1)),
    "a report": lambda engine: engine.apply_execution_report(report(1)),
    "many reports": lambda engine: engine.apply_execution_report_many([report(1)]),
}
ADMINISTERING: dict[str, Callable[[ShardedEngine], Any]] = {
    "adjustments": lambda engine: engine.apply_account_adjustment(account(1), []),
    "a block": lambda engine: engine.accounts().block(account(1), "halt"),
    "an unblock": lambda engine: engine.accounts().unblock(account(1)),
    "unblock all": lambda engine: engine.accounts().unblock_all(),
    "a group": lambda engine: engine.accounts().register_group([account(1)], 5),
    "a group's block": lambda engine: engine.accounts().block_group(5, "halt"),
    "a currency": lambda engine: engine.accounts().set_currency(account(1), "USD"),
    "settings": lambda engine: engine.configure().rate_limit("RateLimitPolicy", broker=barrier(9)),
}
READING: dict[str, Callable[[ShardedEngine], Any]] = {
    "a dry run": lambda engine: engine.execute_pre_trade_dry_run(buy(1)),
    "a dry start": lambda engine: engine.start_pre_trade_dry_run(buy(1)),
    "a group": lambda engine: engine.accounts().group_of(account(1)),
}


@pytest.mark.parametrize("call", [*TRADING.values(), *ADMINISTERING.values()])
def test_a_reader_changes_nothing(call: Callable[[ShardedEngine], Any]) -> None:
    its = host()
    engine = session(its, Role.READER)
    with pytest.raises(NotPermitted) as found:
        call(engine)
    assert found.value.role == "reader"
    assert isinstance(found.value, PermissionError)
    (driver,) = its.drivers
    assert driver.session.why is None
    for read in READING.values():
        read(engine)
    assert session(its).execute_pre_trade(buy(1))


@pytest.mark.parametrize("call", ADMINISTERING.values(), ids=ADMINISTERING)
def test_a_trader_administers_nothing(call: Callable[[ShardedEngine], Any]) -> None:
    its = host()
    engine = session(its, Role.TRADER)
    with pytest.raises(NotPermitted, match="takes the role 'admin', this session has 'trader'"):
        call(engine)
    (driver,) = its.drivers
    assert driver.session.why is None
    for trade in [*TRADING.values(), *READING.values()]:
        trade(engine)


@pytest.mark.parametrize("call", [*TRADING.values(), *ADMINISTERING.values()])
def test_an_administrator_may_do_everything(call: Callable[[ShardedEngine], Any]) -> None:
    engine = session(host())
    try:
        call(engine)
    except NotPermitted:
        pytest.fail("not permitted")
    except (openpit.AccountBlockError, openpit.AccountGroupRegistrationError):
        pass


def test_the_error_travels() -> None:
    error = pickle.loads(pickle.dumps(NotPermitted("settings", "reader", "admin")))
    assert (error.what, error.role, error.needed) == ("settings", "reader", "admin")
