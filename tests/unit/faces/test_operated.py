"""An operator stops all orders, and lets them pass again, on one engine and on shards."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from link import link

from openpit import Engine
from openpit.limits.reading import loads
from openpit.param import AccountId
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit import ShardedEngine


@pytest.fixture(params=["one engine", "two shards"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine | ShardedEngine]:
    if request.param == "one engine":
        yield Engine.builder().no_sync().builtin(build_order_validation()).build()
        return
    sharded = link(Engine.builder().sharded(shards=2).builtin(build_order_validation()))
    yield sharded
    sharded._driver.close()


def codes(engine: Engine | ShardedEngine) -> list[tuple[str, str, str, str]]:
    """What an order of each of two accounts is rejected for."""
    return [
        (one.policy, one.code, one.reason, one.details)
        for account in (IN_SHARD_0, IN_SHARD_1)
        for one in engine.execute_pre_trade(buy(account)).rejects
    ]


def test_no_order_of_any_account_passes_until_it_is_taken_back(
    engine: Engine | ShardedEngine,
) -> None:
    assert engine.halted() is None
    engine.halt("exchange is down")
    assert (
        codes(engine) == [("Engine", "AccountBlocked", "exchange is down", "exchange is down")] * 2
    )
    assert engine.halted() == "exchange is down"
    engine.resume()
    assert codes(engine) == []
    assert engine.halted() is None


def test_a_later_reason_replaces_the_first(engine: Engine | ShardedEngine) -> None:
    engine.halt("")
    assert engine.halted() == ""
    engine.halt("for good")
    assert {reason for _, _, reason, _ in codes(engine)} == {"for good"}


def test_what_is_under_way_ends_as_ever(engine: Engine | ShardedEngine) -> None:
    first, second = (engine.execute_pre_trade(buy(IN_SHARD_0)) for _ in range(2))
    started = engine.start_pre_trade(buy(IN_SHARD_1))
    engine.halt("drill")
    first.reservation.commit()
    second.reservation.rollback()
    assert engine.apply_execution_report(report(IN_SHARD_0)).account_blocks == []
    assert engine.apply_account_adjustment(report(IN_SHARD_0).operation.account_id, []).ok  # type: ignore[union-attr,arg-type]
    assert [one.reason for one in started.request.execute().rejects] == ["drill"]
    operation = engine.apply_drop_copy(buy(IN_SHARD_1)).operation
    assert operation.is_account_blocked


def test_only_resume_takes_it_back(engine: Engine | ShardedEngine) -> None:
    accounts = engine.accounts()
    account = buy(IN_SHARD_0).operation.account_id  # type: ignore[union-attr]
    engine.halt("drill")
    accounts.block(account, "by hand")  # type: ignore[arg-type]
    accounts.unblock_all()
    accounts.unblock(account)  # type: ignore[arg-type]
    assert engine.halted() == "drill"
    assert {reason for _, _, reason, _ in codes(engine)} == {"drill"}


def test_a_reason_is_a_text(engine: Engine | ShardedEngine) -> None:
    with pytest.raises(TypeError):
        engine.halt(5)  # type: ignore[arg-type]  # that is what is tried
    assert engine.halted() is None


SETTINGS = """
[order_validation]

[rate_limit.broker]
max_orders = 50
window = "250ms"

[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 40
window = "5m"

[[rate_limit.account]]
account = 3
max_orders = 2
window = "1h"

[order_size_limit]
policy_group_id = 7

[order_size_limit.broker]
max_quantity = "100"

[[order_size_limit.account_asset]]
account = 1
asset = "USD"
max_notional = "1000.50"

[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10"

[spot_funds]
limit_mode = "TrackOnly"

[[spot_funds.position_limit]]
account = 1
asset = "AAPL"
limit = "5000"
"""


@pytest.mark.parametrize("shards", [0, 2])
def test_settings_are_told_as_a_configuration_has_them(shards: int) -> None:
    policies = loads(SETTINGS)
    builder = Engine.builder()
    stage = policies.add_to(builder.sharded(shards=2) if shards else builder.no_sync())
    engine = link(stage) if shards else stage.build()
    policies.prepare(engine)
    assert engine.settings() == tomllib.loads(SETTINGS)
    engine.configure().rate_limit("RateLimitPolicy", clear_broker=True, account_barriers=[])
    assert engine.settings()["rate_limit"].keys() == {"asset"}
    if shards:
        engine._driver.close()


def test_groups_are_told_with_members_of_all_shards(engine: Engine | ShardedEngine) -> None:
    accounts = engine.accounts()
    assert engine.groups() == []
    accounts.register_group(map(AccountId.from_int, (IN_SHARD_0, IN_SHARD_1)), 7)
    accounts.block_group(9, "closed")
    accounts.set_group_currency(0, "EUR")
    told = engine.groups()
    assert [(one.group.value, one.members, one.block_reason, one.currency) for one in told] == [
        (0, 0, None, "EUR"),
        (7, 2, None, None),
        (9, 0, "closed", None),
    ]
