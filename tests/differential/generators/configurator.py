"""Settings: bad ones at build time, updates by name, wrong names, wrong types, atomicity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain, policies
from generators.expressions import Expression, Scenario, Step, call, get, many, on, step, v
from generators.flow import PNLS, PRICES, SIZES, finish

if TYPE_CHECKING:
    from generators.draw import Draw

_KINDS = ("rate", "size", "pnl", "spot")
_MAKERS = {
    "rate": policies.rate_limit,
    "size": policies.order_size_limit,
    "pnl": policies.pnl_bounds,
}


def generate(random: Draw) -> Scenario:
    steps: Scenario = []
    with random.dialled(random.choice((0.0, 0.0, 0.0, 0.08))):
        chosen = [_MAKERS[kind](random) for kind in random.sample(list(_MAKERS), 3)]
        spot = random.choice((policies.spot_funds, policies.spot_killswitch))
        chosen.append(spot(random, group_id=random.choice((None, 2))))
        if random.chance(0.3):
            chosen.append(policies.order_validation(random))
        if random.chance(0.2):
            chosen.append(["policy", {"name": "P"}])
        random.shuffle(chosen)
    steps.append(step(domain.engine(random, chosen), "e"))
    with random.dialled(0.05):
        for number in range(random.randint(10, 30)):
            random.turn()
            steps.extend(_turn(random, number))
    return steps


def _turn(random: Draw, number: int) -> list[Step]:
    form = random.random()
    if form < 0.55:
        return [step(policies.reconfiguration(random, _KINDS))]
    if form < 0.6:
        return [step(_build(random))]
    if form < 0.8:
        name = f"x{number}"
        order = domain.order(random, gaps=0.01, sizes=SIZES, prices=PRICES)
        steps = [step(on(v("e"), "execute_pre_trade", order), name)]
        return steps + finish(random, get(v(name), "reservation"), name)
    if form < 0.9:
        report = domain.report(random, gaps=0.01, pnls=PNLS)
        return [step(on(v("e"), "apply_execution_report", report))]
    if form < 0.95:
        members = many([domain.account(random)])
        return [step(on(domain.accounts(), "register_group", members, domain.group(random)))]
    return [step(on(domain.accounts(), "unblock", domain.account(random)))]


def _build(random: Draw) -> Expression:
    """Builders used out of order and twice."""
    with random.dialled(0.15):
        kind = random.choice(list(_MAKERS))
        ready = _MAKERS[kind](random)
        spot = policies.spot_funds(random)
    stage = domain.stage(random)
    return random.choice(
        (
            domain.engine(random, [ready]),
            domain.engine(random, [spot, spot]),
            domain.engine(random, [spot, policies.spot_killswitch(random)]),
            on(stage, "build"),
            on(stage, "builtin", random.choice((1, None, ["obj", {}]))),
            on(stage, "pre_trade", random.choice((1, None, ["obj", {"name": "x"}]))),
            on(on(call("Engine.builder"), "no_sync"), "no_sync"),
            on(on(stage, "builtin", ready), "market_data", call("marketdata.QuoteTtl.infinite")),
            _twice(random, ready),
            _spoken_window(random),
            call("Engine"),
            call("Engine.builder", 1),
        )
    )


def _spoken_window(random: Draw) -> Expression:
    """One order that no window admits: the reject names the window."""
    limit = call(policies.PKG + "RateLimit", 0, ["td", random.choice(policies.SPOKEN_WINDOWS)])
    barrier = call(policies.PKG + "RateLimitAccountBarrier", limit, domain.account(random))
    if random.chance(0.5):
        barrier = call(policies.PKG + "RateLimitBrokerBarrier", limit)
    axis = "broker_barrier" if "Broker" in barrier[1] else "account_barriers"
    ready = on(call(policies.PKG + "build_rate_limit"), axis, barrier)
    return on(domain.engine(random, [ready]), "execute_pre_trade", domain.order(random, gaps=0.0))


def _twice(random: Draw, ready: Expression) -> Expression:
    """A ready engine builder after its ``build()``."""
    again = random.choice(("build", "builtin", "pre_trade", "market_data"))
    arguments = {
        "build": [],
        "builtin": [policies.order_validation(random)],
        "pre_trade": [["policy", {"name": "late"}]],
        "market_data": [call("marketdata.QuoteTtl.infinite")],
    }[again]
    return [
        "seq",
        ["keep", "builder", on(domain.stage(random), "builtin", ready)],
        ["try", on(v("builder"), "build")],
        on(v("builder"), again, *arguments),
    ]
