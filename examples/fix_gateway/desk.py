"""The engine of the example's desk: its limits, and the money that its accounts begin with."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import openpit
from fix_gateway.actor import Gateway
from fix_gateway.session import ACTOR
from openpit.param import AccountId, AdjustmentAmount
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Funds", "engine_of", "pay_in", "read_funds", "size_limit"]

Funds = tuple[str, str, str]
"""An account, an asset, and how much of it the account has."""


def size_limit() -> policies.OrderSizeLimitReadyBuilder:
    """Return the desk's limit of one order."""
    limit = policies.OrderSizeLimit(max_quantity="5000", max_notional="250000")
    return policies.build_order_size_limit().broker_barrier(policies.OrderSizeBrokerBarrier(limit))


def engine_of(shards: int) -> openpit.ShardedEngine:
    """Return an engine with the desk's limits and the gateway in each of its workers."""
    return (
        openpit.Engine.builder()
        .sharded(shards=shards)
        .builtin(policies.build_order_validation())
        .builtin(size_limit())
        .builtin(policies.build_spot_funds())
        .actor(ACTOR, Gateway)
        .build()
    )


def read_funds(path: Path) -> list[Funds]:
    """Read lines of account, asset and amount.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is not of that form.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return [_funds(path, number, row) for number, row in enumerate(csv.reader(file), 1)]


def _funds(path: Path, number: int, row: list[str]) -> Funds:
    match row:
        case [account, asset, amount]:
            return account, asset, amount
        case _:
            raise ValueError(f"{path.name}:{number}: not ACCOUNT,ASSET,AMOUNT")


def pay_in(engine: openpit.Engine | openpit.ShardedEngine, funds: Iterable[Funds]) -> None:
    """Give accounts what they may spend and sell."""
    for account, asset, amount in funds:
        engine.apply_account_adjustment(
            AccountId.from_string(account),
            [
                openpit.AccountAdjustment(
                    operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
                    amount=openpit.AccountAdjustmentAmount(balance=AdjustmentAmount.delta(amount)),
                )
            ],
        )
