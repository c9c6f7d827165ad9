"""Every change and question that spans shards, each as a call that can be made at any time."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from makers import account, deposit, order

from openpit.errors import AccountGroupRegistrationError
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    RateLimit,
    RateLimitBrokerBarrier,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHANGES", "CHECKED", "PROCEDURES", "Procedure", "change_of", "name_of"]

GROUP = 7
MEMBERS = range(101, 109)
"""On each of three shards there is one of them."""


class Procedure(NamedTuple):
    """A call, and the one that has to be made before it."""

    make: Callable[[Any, int], object]
    prepare: Callable[[Any], object] = bool


def _members() -> list[Any]:
    return [account(number) for number in MEMBERS]


def _register(engine: Any) -> None:
    with suppress(AccountGroupRegistrationError):  # they are registered already
        engine.accounts().register_group(_members(), GROUP)


def _unregister(engine: Any) -> None:
    with suppress(AccountGroupRegistrationError):  # they are not registered
        engine.accounts().unregister_group(_members(), GROUP)


def _broad(number: int) -> dict[str, Any]:
    limit = RateLimit(1000 + number, timedelta(hours=1))
    return {"name": "RateLimitPolicy", "broker": RateLimitBrokerBarrier(limit)}


def _size(number: int) -> dict[str, Any]:
    limit = OrderSizeLimit(max_quantity=str(90 + number % 7))
    return {"name": "OrderSizeLimitPolicy", "broker": OrderSizeBrokerBarrier(limit)}


CHANGES: dict[str, Procedure] = {
    "register_group": Procedure(
        lambda engine, _: engine.accounts().register_group(_members(), GROUP), _unregister
    ),
    "unregister_group": Procedure(
        lambda engine, _: engine.accounts().unregister_group(_members(), GROUP), _register
    ),
    "block_group": Procedure(
        lambda engine, number: engine.accounts().block_group(GROUP, f"for {number}")
    ),
    "replace_group_block_reason": Procedure(
        lambda engine, number: engine.accounts().replace_group_block_reason(
            GROUP, f"now for {number}"
        ),
        lambda engine: engine.accounts().block_group(GROUP, "at first"),
    ),
    "unblock_group": Procedure(lambda engine, _: engine.accounts().unblock_group(GROUP)),
    "set_group_currency": Procedure(
        lambda engine, number: engine.accounts().set_group_currency(
            GROUP, ("USD", "EUR")[number % 2]
        )
    ),
    "clear_group_currency": Procedure(
        lambda engine, _: engine.accounts().clear_group_currency(GROUP)
    ),
    "unblock_all": Procedure(lambda engine, _: engine.accounts().unblock_all()),
    "halt": Procedure(lambda engine, number: engine.halt(f"for {number}")),
    "resume": Procedure(lambda engine, _: engine.resume()),
    "rate_limit": Procedure(lambda engine, number: engine.configure().rate_limit(**_broad(number))),
    "order_size_limit": Procedure(
        lambda engine, number: engine.configure().order_size_limit(**_size(number))
    ),
    "apply_all": Procedure(
        lambda engine, number: engine.configure().apply_all(
            [("rate_limit", _broad(number)), ("order_size_limit", _size(number))]
        )
    ),
}
"""Each is made on all shards, or on none."""

CHECKED = ("register_group", "unregister_group", "rate_limit", "order_size_limit", "apply_all")
"""Those about which a shard is asked before it is told."""


def _without_account(engine: Any, _: int) -> object:
    """Check an order that names no account; what it reserves is given back."""
    result = engine.execute_pre_trade(order(None, "1", "10"))
    if result:
        result.reservation.rollback()
    return bool(result), [one.reason for one in result.rejects]


def _failing_commit(engine: Any, _: int) -> object:
    """Have a commit fail, which blocks the engine."""
    result = engine.execute_pre_trade(order(101, "17", "10"))
    if not result:
        return [one.reason for one in result.rejects]
    try:
        result.reservation.commit()
    except ArithmeticError as error:
        return str(error)
    return "it has not failed"


def _let_pass(engine: Any) -> None:
    engine.resume()
    engine.accounts().unblock_all()
    engine.accounts().unblock_group(GROUP)
    engine.apply_account_adjustment(account(101), [deposit("USD", "5000")])


PROCEDURES: dict[str, Procedure] = {
    **CHANGES,
    "an order without account": Procedure(_without_account, _let_pass),
    "the engine-wide block": Procedure(_failing_commit, _let_pass),
}


def name_of(number: int) -> str:
    """Return which of the changes has a number."""
    return [*CHANGES][number % len(CHANGES)]


def change_of(number: int) -> Procedure:
    """Return one of the changes, by a number."""
    return CHANGES[name_of(number)]
