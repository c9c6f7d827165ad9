"""Calls by which a random day is told: on one engine, on one in another process, on a server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from makers import account, deposit, order

from openpit.errors import AccountGroupRegistrationError
from openpit.pretrade.policies import build_order_validation, build_spot_funds

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "ACCOUNTS",
    "CONFIG",
    "drawn",
    "held_again",
    "number_of",
    "perform",
    "picture",
    "policies",
    "rejects_of",
]

ACCOUNTS = range(1, 7)

CONFIG = "[order_validation]\n[spot_funds]\n"
"""The same policies, as a server has them."""


def policies(stage: Any) -> Any:
    return stage.builtin(build_order_validation()).builtin(build_spot_funds())


def drawn(random: Random, ticket: int, held: dict[int, Any]) -> list[Any]:
    """Return a call: what, account, the number of the order, and a figure."""
    number = random.choice(ACCOUNTS)
    if held and random.random() < 0.35:
        return [random.choice(("commit", "rollback")), number, random.choice([*held]), ""]
    what = random.choices(("place", "pay", "block", "unblock", "group"), (12, 5, 1, 2, 1))[0]
    figure = {"place": ("1", "5", "40"), "pay": ("300", "25"), "group": ("5", "6")}
    return [what, number, ticket, random.choice(figure.get(what, ("by hand",)))]


def perform(engine: Any, held: dict[int, Any], call: list[Any]) -> Any:
    """Make a call; return what came of it. A price names the order for good."""
    what, number, ticket, figure = call
    of = account(number)
    if what == "place":
        result = engine.execute_pre_trade(order(number, figure, f"10.{ticket:06}"))
        if result:
            held[ticket] = result.reservation
        return rejects_of(result)
    if what == "pay":
        (outcome,) = engine.apply_account_adjustment(of, [deposit("USD", figure)]).outcomes
        return str(outcome.entry.balance.absolute.decimal)
    if what == "group":
        try:
            engine.accounts().register_group([of, account(number % 6 + 1)], int(figure))
        except AccountGroupRegistrationError as error:
            return type(error).__name__
        return None
    if what in {"block", "unblock"}:
        accounts = engine.accounts()
        accounts.block(of, figure) if what == "block" else accounts.unblock(of)
        return None
    getattr(held.pop(ticket), what)()
    return None


def held_again(engine: Any) -> dict[int, Any]:
    """Return what was left open, by the numbers of the orders."""
    return {number_of(one.order): one.handle for one in engine.open_reservations()}


def number_of(placed: Any) -> int:
    """Return the number of an order, which its price names."""
    return int(str(placed.operation.price.decimal).partition(".")[2].ljust(6, "0"))


def rejects_of(result: Any) -> list[list[str]]:
    """Return how an order was judged."""
    return [[one.policy, str(one.code), one.details] for one in result.rejects]


def picture(engine: Any) -> list[str]:
    """Return all that can be seen of the accounts."""
    states = [engine.account_state(account(number)) for number in ACCOUNTS]
    return [
        *(repr((one.policies, one.open, one.block, one.group)) for one in states),
        repr(engine.groups()),
    ]
