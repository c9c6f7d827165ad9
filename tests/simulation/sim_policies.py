"""The engines that are simulated: policies whose effects an observer can predict from an order.

The custom policy does what an order's quantity says, so that whoever submits it knows what to
expect: which commit fails, which rollback does, what blocks the account.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from makers import account, order

from openpit.core import Mutation
from openpit.marketdata import QuoteTtl
from openpit.pretrade import (
    AccountBlock,
    Policy,
    PolicyPreTradeResult,
    PolicyReject,
    PostTradeResult,
    RejectScope,
    policies,
)
from openpit.wire.limits import MESSAGE_BYTES

if TYPE_CHECKING:
    from openpit.param import AccountId

__all__ = ["BROKER_MAX", "BROKER_WINDOW", "ENGINES", "QUANTITIES", "Gate"]

BROKER_MAX = 12
BROKER_WINDOW = 1_000_000
"""In nanoseconds; a simulated call takes at least one."""

PLAIN, COMMIT_FAILS, ROLLBACK_FAILS, REJECTED, BLOCKED, RAISES, NOTHING_HELD = range(1, 8)
QUANTITIES = (PLAIN,) * 6 + (COMMIT_FAILS, ROLLBACK_FAILS, REJECTED, BLOCKED, RAISES, NOTHING_HELD)


class Deed(Policy):
    """Does what the order's quantity says."""

    name = "Deed"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if _quantity(order) == RAISES:
            raise ValueError("start failed")
        return ()

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        quantity = _quantity(order)
        if quantity == NOTHING_HELD:
            return None
        mutations = [
            Mutation(
                _failing if quantity == COMMIT_FAILS else _fine,
                _failing if quantity == ROLLBACK_FAILS else _fine,
            )
        ]
        if quantity in {REJECTED, BLOCKED}:
            scope = RejectScope.ACCOUNT if quantity == BLOCKED else RejectScope.ORDER
            rejects = [PolicyReject("Custom", "not today", str(quantity), scope)]
            return PolicyPreTradeResult.reject(rejects, mutations=mutations)
        return PolicyPreTradeResult.accept(mutations=mutations)

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        impact = report.financial_impact
        if impact is not None and impact.fee.decimal == BLOCKED:
            block = AccountBlock(policy="Deed", code="Other", reason="fee", details="")
            return PostTradeResult(account_blocks=[block])
        return None


def _fine() -> None:
    """Succeed."""


def _failing() -> None:
    raise ValueError("finalizer failed")


def _quantity(order: Any) -> int:
    operation = order.operation
    if operation is None or operation.trade_amount is None:
        return PLAIN
    return int(operation.trade_amount.as_quantity.decimal)


def _rates(max_orders: int = BROKER_MAX, *, assets: bool = False) -> Any:
    limit = policies.RateLimit(max_orders, timedelta(microseconds=BROKER_WINDOW // 1000))
    builder = policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit))
    if assets:
        half = policies.RateLimit(max_orders // 2, timedelta(microseconds=BROKER_WINDOW // 500))
        builder = builder.asset_barriers(policies.RateLimitAssetBarrier(half, "EUR"))
    return builder


def _pnl_bounds() -> Any:
    barrier = policies.PnlBoundsBrokerBarrier("USD", lower_bound="-100")
    return policies.build_pnl_bounds_killswitch().broker_barriers(barrier)


def _checks(stage: Any) -> Any:
    """Nothing is ever held: replies are runs, reservations are local."""
    return (
        stage.builtin(policies.build_order_validation())
        .builtin(_rates(assets=True))
        .builtin(_pnl_bounds())
    )


def _validation(stage: Any) -> Any:
    return stage.builtin(policies.build_order_validation())


def _funds(stage: Any) -> Any:
    funds = policies.build_spot_funds().market_data(_market(stage), 0)
    return stage.builtin(funds).builtin(_rates(40)).builtin(_pnl_bounds())


def _custom(stage: Any) -> Any:
    return stage.pre_trade(Deed())


def _everything(stage: Any) -> Any:
    funds = policies.build_spot_funds().market_data(_market(stage), 0)
    return stage.builtin(_rates()).pre_trade(Deed()).builtin(_pnl_bounds()).builtin(funds)


def _market(stage: Any) -> Any:
    return stage.market_data(QuoteTtl.infinite()).full_sync().build()


ENGINES: dict[str, Any] = {
    "checks": _checks,
    "validation": _validation,
    "funds": _funds,
    "custom": _custom,
    "everything": _everything,
}
"""What adds the policies of an engine to a builder's stage, by name."""


class Gate:
    """An actor that does the steps of its message, and answers with what came of each.

    An account's reservations that it has kept end in later messages, the oldest first.
    """

    def __init__(self, engine: Any, shard: int) -> None:
        self._engine = engine
        self._kept: dict[int, list[Any]] = {}

    def receive(self, account_id: AccountId, message: bytes) -> bytes | None:
        number = account_id.value
        kept = self._kept.setdefault(number, [])
        fresh: list[Any] = []
        try:
            told = [self._do(number, fresh, *step) for step in json.loads(message)]
        except BaseException:
            self._kept[number] = [each for each in kept if each not in fresh]
            raise
        if "large" in told:
            return bytes(MESSAGE_BYTES + 1)  # that is an error: nothing is kept
        kept += fresh
        return json.dumps(told).encode() if told else None

    def _do(self, number: int, fresh: list[Any], step: str, *about: Any) -> str:
        if step in {"commit", "keep", "leave"}:
            quantity, asset = about
            asked = order(number, str(quantity), "1", instrument=("AAPL", asset))
            result = self._engine.execute_pre_trade(asked)
            if not result:
                return "no"
            if step == "commit":
                result.reservation.commit()
            elif step == "keep":
                self._engine.keep(result.reservation)
                fresh.append(result.reservation)
            return step
        if step == "finish":
            kept = self._kept[number]
            if not kept:
                return "none"
            getattr(kept.pop(0), *about)()
        elif step == "stray":
            self._engine.account_state(account(*about))
        elif step == "fail":
            raise ValueError("gate failed")
        return step
