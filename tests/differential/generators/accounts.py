"""The accounts handle: groups, blocks with causes, currencies; then orders that feel them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain, policies
from generators.expressions import Expression, Scenario, Step, call, get, many, on, ref, step, v
from generators.flow import PRICES, SIZES, finish

if TYPE_CHECKING:
    from generators.draw import Draw

_REASONS = ("by hand", "", "again", "é")


def generate(random: Draw) -> Scenario:
    chosen: list[Expression] = [policies.order_validation(random)]
    with random.dialled(0.0):
        if random.chance(0.5):
            chosen.append(policies.spot_killswitch(random))
        if random.chance(0.3):
            chosen.append(policies.pnl_bounds(random))
        if random.chance(0.3):
            watcher = {"name": "Watcher", "hooks": {"check_pre_trade_start": [["list"]]}}
            chosen.append(["policy", watcher])
    steps: Scenario = [step(domain.engine(random, chosen), "e"), step(domain.accounts(), "a")]
    for number in range(random.randint(10, 30)):
        random.turn()
        steps.extend(_turn(random, number))
    return steps


def _turn(random: Draw, number: int) -> list[Step]:
    form = random.random()
    if form < 0.6:
        return [step(operation(random))]
    if form < 0.64:
        return [step(on(v("a"), "group_of", domain.account(random)))]
    order = domain.order(random, gaps=0.05, sizes=SIZES, prices=PRICES)
    if form < 0.78:
        name = f"x{number}"
        steps = [step(on(v("e"), "execute_pre_trade", order), name)]
        return steps + finish(random, get(v(name), "reservation"), name)
    if form < 0.84:
        return [
            step(on(v("e"), "start_pre_trade", order), f"s{number}"),
            step(operation(random)),
            step(on(get(v(f"s{number}"), "request"), "execute")),
        ]
    if form < 0.88:
        return [step(on(v("e"), "apply_drop_copy", order), f"d{number}")]
    if form < 0.92:
        return [step(on(v("e"), "execute_pre_trade_dry_run", order))]
    if form < 0.98:
        return [step(on(v("e"), "apply_execution_report", domain.report(random, gaps=0.1)))]
    return [step(["drop", "e"]), step(operation(random, v("a")))]


def account(random: Draw) -> Expression:
    return random.odd((domain.account(random),), (1, None, "x", domain.group(random)))


def group(random: Draw) -> Expression:
    if random.chance(0.06):
        return random.choice(
            (
                ref("param.DEFAULT_ACCOUNT_GROUP"),
                ref("param.AccountGroupId.DEFAULT"),
                0,
                1,
                2,
                2**32 - 1,
            )
        )
    if random.fault():
        return random.choice((-1, 2**32, "1", None, 1.0, True, domain.account(random)))
    return domain.group(random)


def members(random: Draw) -> Expression:
    chosen = [domain.account(random) for _ in range(random.choice((0, 1, 1, 1, 2, 3)))]
    if random.fault():
        chosen.append(random.choice((1, None, "x")))
    if random.fault():
        return random.choice((1, None, "x"))
    return many(chosen, random.choice(("list", "list", "tuple", "iter")))


def reason(random: Draw) -> Expression:
    return random.odd(_REASONS, (None, 1, "\ud800"))


def currency(random: Draw) -> Expression:
    if random.fault():
        return random.choice(("", " ", None, 1, "a\ud800", "\x1c"))
    return random.choice(("USD", "USD", "EUR", call("param.Asset", "AAPL")))


def operation(random: Draw, handle: Expression | None = None) -> Expression:
    """One call of the accounts handle."""
    target = domain.accounts() if handle is None else handle
    method = random.choices(_METHODS, _WEIGHTS)[0]
    arguments = [argument(random) for argument in _ARGUMENTS[method]]
    return on(target, method, *arguments)


def _cause(random: Draw) -> Expression:
    return random.odd((domain.block(random),), (1, None, "x"))


_ARGUMENTS = {
    "register_group": (members, group),
    "unregister_group": (members, group),
    "group_of": (account,),
    "set_currency": (account, currency),
    "clear_currency": (account,),
    "set_group_currency": (group, currency),
    "clear_group_currency": (group,),
    "block": (account, reason),
    "block_with_cause": (account, _cause),
    "unblock": (account,),
    "unblock_all": (),
    "replace_block_reason": (account, reason),
    "block_group": (group, reason),
    "unblock_group": (group,),
    "replace_group_block_reason": (group, reason),
}
_METHODS = tuple(_ARGUMENTS)
_WEIGHTS = (18, 8, 3, 8, 3, 5, 3, 6, 5, 14, 5, 5, 5, 9, 3)
