"""Account adjustments: fields, bounds, PnL, halts, batches that fail half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain, numbers, policies
from generators.expressions import Expression, Scenario, Step, call, get, many, on, step, v
from generators.flow import finish

if TYPE_CHECKING:
    from generators.draw import Draw

FIGURES = ("0", "1", "5", "9.5", "10", "100", "1000", "-1", "-5", "-100", "0.25", "5.00")


def figure(random: Draw) -> str:
    form = random.random()
    if form < 0.08:
        return numbers.signed(random)
    if form < 0.12:
        return random.choice(("", "-")) + random.choice(numbers.HUGE)
    return random.choice(FIGURES)


def amount(random: Draw) -> Expression:
    form = random.choice(("delta", "delta", "absolute"))
    return call(f"AdjustmentAmount.{form}", figure(random))


def amounts(random: Draw) -> Expression:
    if random.chance(0.03):
        # Each fits, their sum does not.
        huge = call("AdjustmentAmount.absolute", str(numbers.LARGEST))
        some = call("AdjustmentAmount.absolute", random.choice(numbers.HUGE))
        return call("AccountAdjustmentAmount", balance=huge, held=some)
    named = {
        field: amount(random)
        for field, share in (("balance", 0.7), ("held", 0.2), ("incoming", 0.2))
        if random.chance(share)
    }
    return call("AccountAdjustmentAmount", **named)


def limits(random: Draw) -> Expression:
    fields = ("balance_upper", "balance_lower", "held_upper", "held_lower")
    named = {
        field: figure(random)
        for field in (*fields, "incoming_upper", "incoming_lower")
        if random.chance(0.3)
    }
    return call("AccountAdjustmentBounds", **named)


def operation(random: Draw) -> Expression:
    form = random.random()
    if form < 0.8:
        named: dict[str, Expression] = {
            "asset": None if random.chance(0.03) else random.choice(domain.ASSETS)
        }
        if random.chance(0.25):
            named["average_entry_price"] = figure(random)
        if random.chance(0.2):
            halted = random.chance(0.25)
            named["realized_pnl"] = policies.halt_reason(random) if halted else figure(random)
        return call("AccountAdjustmentBalanceOperation", **named)
    if form < 0.95:
        halted = random.chance(0.25)
        state = policies.halt_reason(random) if halted else figure(random)
        return call("AccountAdjustmentAccountPnlOperation", state=state)
    return call(
        "AccountAdjustmentPositionOperation",
        instrument=domain.instrument(random),
        collateral_asset="USD",
        average_entry_price="10",
        mode="netting",
    )


def adjustment(random: Draw) -> Expression:
    named: dict[str, Expression] = {}
    if random.chance(0.97):
        named["operation"] = operation(random)
    if random.chance(0.85):
        named["amount"] = amounts(random)
    if random.chance(0.3):
        named["bounds"] = limits(random)
    if random.chance(0.01):
        return call(["class", "AccountAdjustment", domain.subclass(random)], **named)
    return call("AccountAdjustment", **named)


def batch(random: Draw, account: Expression | None = None) -> Expression:
    made: list[Expression] = [
        adjustment(random) for _ in range(random.choice((0, 1, 1, 1, 1, 2, 2, 3)))
    ]
    if random.fault():
        made.append(random.choice((1, None, ["obj", {}])))
    if account is None:
        account = random.odd((domain.account(random),), (1, None))
    return on(
        v("e"),
        "apply_account_adjustment",
        account,
        many(made, random.choice(("list", "list", "tuple", "iter"))),
    )


def deposit(account: Expression, asset: str, text: str) -> Expression:
    made = call(
        "AccountAdjustment",
        operation=call("AccountAdjustmentBalanceOperation", asset=asset),
        amount=call("AccountAdjustmentAmount", balance=call("AdjustmentAmount.delta", text)),
    )
    return on(v("e"), "apply_account_adjustment", account, many([made]))


def generate(random: Draw) -> Scenario:
    chosen: list[Expression] = []
    with random.dialled(0.0):
        form = random.random()
        if form < 0.5:
            chosen.append(policies.spot_funds(random, group_id=random.choice((None, 0, 4))))
        elif form < 0.9:
            chosen.append(policies.spot_killswitch(random, group_id=random.choice((None, 4))))
        else:
            chosen.append(policies.order_validation(random))
        if random.chance(0.3):
            chosen.append(_taking_part(random))
        random.shuffle(chosen)
    steps: Scenario = [step(domain.engine(random, chosen), "e")]
    if random.chance(0.6):
        steps.append(step(on(domain.accounts(), "set_currency", domain.account(random), "USD")))
    for number in range(random.randint(8, 25)):
        random.turn()
        steps.extend(_turn(random, number))
    return steps


def _turn(random: Draw, number: int) -> list[Step]:
    form = random.random()
    if form < 0.75:
        return [step(batch(random))]
    if form < 0.87:
        order = domain.order(random, sizes=("1", "5", "10"), prices=("1", "10"))
        name = f"x{number}"
        steps = [step(on(v("e"), "execute_pre_trade", order), name)]
        return steps + finish(random, get(v(name), "reservation"), name)
    if form < 0.95:
        return [step(policies.reconfiguration(random, ("spot",)))]
    return [step(on(domain.accounts(), "unblock", domain.account(random)))]


def _taking_part(random: Draw) -> Expression:
    """A custom policy that records its mutations and sometimes refuses."""
    accept = call(
        "pretrade.PolicyAccountAdjustmentResult",
        mutations=many([call("Mutation", ["fn", "adjusted"], ["fn", "undone"])]),
    )
    refuse = call(
        "pretrade.PolicyAccountAdjustmentResult",
        rejects=many([call("pretrade.PolicyReject", "Other", "no", "thanks")]),
        mutations=many([call("Mutation", ["fn", "wrong"], ["fn", "undone too"])]),
    )
    answers = random.choice(([accept], [accept, accept, refuse], [accept, refuse]))
    return ["policy", {"name": "Clerk", "hooks": {"apply_account_adjustment": answers}}]
