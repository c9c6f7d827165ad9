"""Orders through an engine with the four simple policies: two stages, reservations, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain, policies
from generators.expressions import Expression, Scenario, Step, call, get, many, on, step, v

if TYPE_CHECKING:
    from generators.draw import Draw

SIZES = ("0", "0.0", "1", "4.9", "5", "5.0", "5.1", "10", "10.00", "11", "100", "101", "1000.5")
PRICES = (
    "0",
    "-1",
    "1",
    "10",
    "99.99",
    "100",
    "100.5",
    "-100",
    "0.0000000000000000000000000001",
    "79228162514264337593543950335",
)
PNLS = ("-101", "-100", "-50.5", "-1", "0", "0.5", "49", "50", "51", "1000")


def generate(random: Draw) -> Scenario:
    with random.dialled(0.04 if random.chance(0.05) else 0.0):
        chosen = policies.simple(random)
    steps: Scenario = [step(domain.engine(random, chosen), "e")]
    for number in range(random.randint(8, 30)):
        random.turn()
        steps.extend(_turn(random, number))
    if random.chance(0.2):
        steps.extend(_outliving(random))
    if random.chance(0.2):
        steps.extend(_changed(random))
    if random.chance(0.1):
        steps.extend(_shared(random))
    return steps


def _changed(random: Draw) -> list[Step]:
    """Groups changed before and after an order or a report has taken them up."""
    change = ["set", v("o"), random.choice(("underlying_asset", "settlement_asset")), "MSFT"]
    if random.chance(0.5):
        operation = domain.order_operation(random, gaps=0.0, sizes=SIZES, prices=PRICES)
        taken, submit = call("Order", operation=v("o")), "start_pre_trade"
    else:
        operation = domain.report_operation(random, gaps=0.0)
        impact = domain.impact(random, PNLS)
        taken = call("ExecutionReport", operation=v("o"), financial_impact=impact)
        submit = "apply_execution_report"
    before = [step(change)] if random.chance(0.5) else []
    again = ["set", v("o"), "settlement_asset", random.choice(("EUR", "", 1))]
    return [
        step(operation, "o"),
        *before,
        step(taken, "t"),
        step(on(v("e"), submit, v("t")), "s"),
        step(again),
        step(v("t")),
        step(on(get(v("s"), "request"), "execute")),
        step(on(v("e"), submit, v("t"))),
    ]


def _shared(random: Draw) -> list[Step]:
    """One ready builder and one policy object in two engines: each engine has its own state."""
    ready = random.choice((policies.rate_limit, policies.pnl_bounds, policies.order_size_limit))
    with random.dialled(0.0):
        steps = [step(ready(random), "ready")]
    refuse = many([call("pretrade.PolicyReject", "Other", "every second", "order")])
    answers = {"check_pre_trade_start": [["list"], refuse]}
    steps.append(step(["policy", {"name": "Both", "hooks": answers}], "both"))
    for name in ("e1", "e2"):
        built = on(on(domain.stage(random), "builtin", v("ready")), "pre_trade", v("both"))
        steps.append(step(on(built, "build"), name))
    for _ in range(6):
        name = random.choice(("e1", "e2"))
        steps.append(step(on(v(name), "execute_pre_trade", _order(random))))
    return steps


def _outliving(random: Draw) -> list[Step]:
    """Handles used after their engine is gone; some of them keep it alive."""
    makers = {
        "a": domain.accounts(),
        "c": domain.configure(),
        "held": on(v("e"), "execute_pre_trade", _order(random)),
        "seen": on(v("e"), "apply_drop_copy", _order(random)),
    }
    steps = [
        step(on(domain.accounts(), "unblock_all")),
        step(on(v("e"), "start_pre_trade", _order(random)), "last"),
        *[step(made, name) for name, made in makers.items() if random.chance(0.4)],
        step(["drop", "e"]),
    ]
    uses = [
        on(get(v("last"), "request"), "execute"),
        on(get(v("held"), "reservation"), "commit"),
        on(get(v("seen"), "operation"), "commit"),
        on(v("a"), "block", domain.account(random), "too late"),
        on(v("c"), "rate_limit", "RateLimitPolicy"),
    ]
    return [*steps, *[step(use) for use in uses]]


def _turn(random: Draw, number: int) -> list[Step]:
    form = random.random()
    if form < 0.30:
        return _executed(random, number)
    if form < 0.40:
        return _two_stages(random, number)
    if form < 0.65:
        return [step(on(v("e"), "apply_execution_report", _report(random)))]
    if form < 0.72:
        method = random.choice(("start_pre_trade_dry_run", "execute_pre_trade_dry_run"))
        return [step(on(v("e"), method, _order(random)))]
    if form < 0.80:
        return _drop_copied(random, number)
    if form < 0.90:
        return [step(_unblocking(random))]
    if form < 0.96:
        return [step(policies.reconfiguration(random, ("rate", "size", "pnl")))]
    return [step(_misuse(random))]


def _order(random: Draw) -> Expression:
    wide = random.random() < 0.25
    return domain.order(
        random,
        gaps=random.choice((0.0, 0.0, 0.06)),
        sizes=None if wide else SIZES,
        prices=None if wide else PRICES,
    )


def _report(random: Draw) -> Expression:
    wide = random.random() < 0.2
    return domain.report(
        random,
        gaps=random.choice((0.0, 0.0, 0.06)),
        pnls=None if wide else PNLS,
        filled=0.1,
    )


def _executed(random: Draw, number: int) -> list[Step]:
    name = f"x{number}"
    steps = [step(on(v("e"), "execute_pre_trade", _order(random)), name)]
    return steps + finish(random, get(v(name), "reservation"), name)


def _two_stages(random: Draw, number: int) -> list[Step]:
    name = f"s{number}"
    steps = [step(on(v("e"), "start_pre_trade", _order(random)), name)]
    execute = on(get(v(name), "request"), "execute")
    steps.extend([step(execute, f"x{number}")] * random.choice((0, 1, 1, 1, 2)))
    return steps + finish(random, get(v(f"x{number}"), "reservation"), name)


def _drop_copied(random: Draw, number: int) -> list[Step]:
    name = f"d{number}"
    steps = [step(on(v("e"), "apply_drop_copy", _order(random)), name)]
    return steps + finish(random, get(v(name), "operation"), name)


def finish(random: Draw, handle: Expression, name: str) -> list[Step]:
    """Commit, roll back, drop or keep what was accepted; now and then twice."""
    steps = [
        step(on(handle, random.choice(("commit", "commit", "rollback"))))
        for _ in range(random.choice((0, 1, 1, 1, 2)))
    ]
    if random.random() < 0.3:
        steps.append(step(["drop", name]))
    return steps


def _unblocking(random: Draw) -> Expression:
    form = random.random()
    if form < 0.6:
        return on(domain.accounts(), "unblock", domain.account(random))
    if form < 0.7:
        return on(domain.accounts(), "unblock_all")
    if form < 0.85:
        return on(domain.accounts(), "block", domain.account(random), "halted by hand")
    return on(domain.accounts(), "group_of", domain.account(random))


def _misuse(random: Draw) -> Expression:
    wrong = random.choice((1, None, "x", ["obj", {}], many([])))
    method = random.choice(
        (
            "start_pre_trade",
            "execute_pre_trade",
            "start_pre_trade_dry_run",
            "execute_pre_trade_dry_run",
            "apply_drop_copy",
            "apply_execution_report",
        )
    )
    return on(v("e"), method, wrong)
