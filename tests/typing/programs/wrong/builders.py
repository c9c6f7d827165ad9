"""Options that there are not, values of another class, stages in another order."""

from __future__ import annotations

import openpit
from openpit.marketdata import QuoteTtl
from openpit.pretrade import policies


def wall_clock() -> float:
    return 0.5


def on_shard_down(shard: int) -> None:
    print(shard)


def options(builder: openpit.EngineBuilder) -> None:
    builder.sharded(shrads=2)  # error: call-arg reportCallIssue
    builder.sharded("2")  # error: arg-type reportArgumentType
    builder.sharded(2.0)  # error: arg-type reportArgumentType
    builder.sharded(2, 5.0)  # error: call-arg reportCallIssue
    builder.sharded(2, timeout="5")  # error: arg-type reportArgumentType
    builder.sharded(2, timeout=None)  # error: arg-type reportArgumentType
    builder.sharded(2, max_wait="soon")  # error: arg-type reportArgumentType
    builder.sharded(2, credits=10.5)  # error: arg-type reportArgumentType
    builder.sharded(2, start_timeout=None)  # error: arg-type reportArgumentType
    builder.sharded(2, on_shard_down=on_shard_down)  # error: arg-type reportArgumentType
    builder.sharded(2, on_shard_up=print)  # error: call-arg reportCallIssue
    builder.clock(wall_clock)  # error: arg-type reportArgumentType
    builder.clock(5)  # error: arg-type reportArgumentType
    builder.no_sync(threads=2)  # error: call-arg reportCallIssue


def stages(builder: openpit.EngineBuilder) -> None:
    builder.build()  # error: attr-defined reportAttributeAccessIssue
    builder.no_sync().build()  # error: attr-defined reportAttributeAccessIssue
    builder.builtin(policies.build_order_validation())  # error: attr-defined reportAttributeAccessIssue
    builder.no_sync().builtin(policies.build_rate_limit())  # error: arg-type reportArgumentType
    builder.no_sync().builtin(policies.build_order_validation)  # error: arg-type reportArgumentType
    builder.no_sync().pre_trade("Limit")  # error: arg-type reportArgumentType
    builder.no_sync().pre_trade(policy=policies.build_order_validation())  # error: arg-type reportArgumentType
    builder.full_sync().market_data(5)  # error: arg-type reportArgumentType
    builder.full_sync().market_data(QuoteTtl.within(5))  # error: arg-type reportArgumentType
    ready = builder.account_sync().builtin(policies.build_order_validation())
    ready.build().close()  # error: attr-defined reportAttributeAccessIssue
    ready.build_async()  # error: attr-defined reportAttributeAccessIssue
    engine: openpit.ShardedEngine = ready.build()  # error: assignment reportAssignmentType
    print(engine)
    openpit.Engine.execute_pre_trade(openpit.Order())  # error: arg-type call-arg reportCallIssue


def limits() -> None:
    policies.OrderSizeLimit(max_quantity=[500])  # error: arg-type reportArgumentType
    policies.RateLimit(5, 1.0)  # error: arg-type reportArgumentType
    policies.RateLimit(max_orders="5", window=None)  # error: arg-type reportArgumentType
    policies.build_order_size_limit().broker_barrier(policies.OrderSizeLimit(max_quantity=5))  # error: arg-type reportArgumentType
    policies.build_spot_funds().market_data("feed", 100)  # error: arg-type reportArgumentType
