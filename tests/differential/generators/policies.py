"""Built-in policies with random settings, good and bad, and their reconfiguration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain, numbers
from generators.expressions import Expression, call, many, on, ref

if TYPE_CHECKING:
    from generators.draw import Draw

PKG = "pretrade.policies."

#: Long enough that nothing expires within a run, or so short that everything does.
WINDOWS = (3_600_000_000, 3_600_000_000, 86_400_000_001, 7_200_000_000, 1)
ODD_WINDOWS = (0, -1, 2**64 // 1000, 2**64 // 1000 + 1, 86_399_999_999_999_999)

#: Windows whose texts take every unit; what they count is a matter of time, but for one order.
SPOKEN_WINDOWS = (1, 7, 999, 1000, 1500, 500_000, 999_999, 1_000_000, 1_500_000, 60_000_000)
LIMITS = (0, 1, 2, 3, 5, 8, 20, 1000)
ODD_LIMITS = (-1, 2**64, 2**64 - 1, 1.5, "3", None, True)
CAPS = ("0", "5", "10", "100", "500", "1000", "5.00")
BOUNDS = ("-100", "-50", "-1", "0", "50", "100", "1000")
GROUP_IDS = (0, 0, 1, 5, 65535)


def asset(random: Draw) -> Expression:
    if random.fault():
        return random.choice(("", " ", None, 1))
    name = random.choice(domain.ASSETS)
    return call("param.Asset", name) if random.random() < 0.2 else name


def account(random: Draw) -> Expression:
    return random.choice((1, None, "x")) if random.fault() else domain.account(random)


def group(random: Draw) -> Expression:
    if random.fault():
        return random.choice((1, None, ref("param.DEFAULT_ACCOUNT_GROUP"), "x"))
    return domain.group(random)


# Rate limit


def rate(random: Draw) -> Expression:
    if random.fault():
        return random.choice((None, 1))
    window = random.odd(WINDOWS, ODD_WINDOWS)
    duration = random.choice((1, None, "1h")) if random.fault() else ["td", window]
    return call(PKG + "RateLimit", random.odd(LIMITS, ODD_LIMITS), duration)


def rate_axes(random: Draw) -> dict[str, list[Expression]]:
    """Barriers per axis; an axis not named is left as it is."""
    axes: dict[str, list[Expression]] = {}
    if random.random() < 0.4:
        axes["broker"] = [call(PKG + "RateLimitBrokerBarrier", rate(random))]
    if random.random() < 0.4:
        axes["asset"] = [
            call(PKG + "RateLimitAssetBarrier", rate(random), asset(random))
            for _ in range(random.randint(0, 2))
        ]
    if random.random() < 0.4:
        axes["account"] = [
            call(PKG + "RateLimitAccountBarrier", rate(random), account(random))
            for _ in range(random.randint(0, 3))
        ]
    if random.random() < 0.4:
        axes["account_asset"] = [
            call(PKG + "RateLimitAccountAssetBarrier", rate(random), account(random), asset(random))
            for _ in range(random.randint(0, 3))
        ]
    return axes


def rate_limit(random: Draw) -> Expression:
    return _ready(random, call(PKG + "build_rate_limit"), rate_axes(random))


# Order size


def size_limit(random: Draw) -> Expression:
    caps: dict[str, Expression] = {}
    for cap, kind in (("max_quantity", "Quantity"), ("max_notional", "Volume")):
        if random.random() < 0.65:
            caps[cap] = numbers.raw(random, kind) if random.fault() else random.choice(CAPS)
    if not caps and not random.fault():
        caps["max_quantity"] = random.choice(CAPS)
    return call(PKG + "OrderSizeLimit", **caps)


def size_axes(random: Draw) -> dict[str, list[Expression]]:
    axes: dict[str, list[Expression]] = {}
    if random.random() < 0.5:
        axes["broker"] = [call(PKG + "OrderSizeBrokerBarrier", size_limit(random))]
    if random.random() < 0.5:
        axes["asset"] = [
            call(PKG + "OrderSizeAssetBarrier", size_limit(random), asset(random))
            for _ in range(random.randint(0, 2))
        ]
    if random.random() < 0.5:
        axes["account_asset"] = [
            call(
                PKG + "OrderSizeAccountAssetBarrier",
                size_limit(random),
                account(random),
                asset(random),
            )
            for _ in range(random.randint(0, 3))
        ]
    return axes


def order_size_limit(random: Draw) -> Expression:
    return _ready(random, call(PKG + "build_order_size_limit"), size_axes(random))


# PnL bounds


def bound(random: Draw) -> Expression:
    form = random.random()
    if form < 0.55:
        return call("param.Pnl", random.choice(BOUNDS))
    if form < 0.75:
        return None
    return numbers.raw(random, "Pnl") if random.fault() else random.choice(BOUNDS)


def bounds(random: Draw) -> dict[str, Expression]:
    named = {
        side: bound(random) for side in ("lower_bound", "upper_bound") if random.random() < 0.8
    }
    if not any(named.values()) and not random.fault():
        named["lower_bound"] = random.choice(BOUNDS)
    return named


def pnl_barrier(random: Draw) -> Expression:
    named = bounds(random)
    return call(PKG + "PnlBoundsBrokerBarrier", asset(random), **named)


def pnl_axes(random: Draw, *, update: bool = False) -> dict[str, list[Expression]]:
    axes: dict[str, list[Expression]] = {}
    if random.random() < 0.6:
        axes["broker"] = [pnl_barrier(random) for _ in range(random.randint(0, 2))]
    if random.random() < 0.6:
        made = []
        for _ in range(random.randint(0, 3)):
            if update:
                name, seed = "PnlBoundsAccountAssetBarrierUpdate", []
            else:
                name = "PnlBoundsAccountAssetBarrier"
                seed = [call("param.Pnl", random.choice(BOUNDS))]
                if random.fault():
                    seed = [numbers.raw(random, "Pnl")]
            made.append(call(PKG + name, pnl_barrier(random), account(random), *seed))
        axes["account"] = made
    if not any(axes.values()) and not random.fault():
        axes["broker"] = [pnl_barrier(random)]
    return axes


def pnl_bounds(random: Draw) -> Expression:
    builder = call(PKG + "build_pnl_bounds_killswitch")
    axes = pnl_axes(random)
    renamed = {
        method: axes[axis]
        for axis, method in (("broker", "broker_barriers"), ("account", "account_barriers"))
        if axis in axes
    }
    return _chained(random, builder, renamed)


# Spot funds


def slippage(random: Draw) -> Expression:
    return random.odd((0, 0, 50, 100, 10000), (10001, -1, 65535, 65536, None, "1", 1.5, True))


def instrument_id(random: Draw) -> Expression:
    if random.fault():
        return random.choice((0, None))
    return call("core.InstrumentId", random.randint(0, 3))


def override_entry(random: Draw) -> Expression:
    form = random.random()
    target: Expression
    if form < 0.35:
        target = call(PKG + "SpotFundsOverrideTargetInstrument", instrument_id(random))
    elif form < 0.65:
        target = call(
            PKG + "SpotFundsOverrideTargetInstrumentAccount",
            instrument_id(random),
            account(random),
        )
    else:
        target = call(
            PKG + "SpotFundsOverrideTargetInstrumentAccountGroup",
            instrument_id(random),
            group(random),
        )
    if random.fault():
        target = random.choice((None, 1, instrument_id(random)))
    named = {"slippage_bps": slippage(random)} if random.random() < 0.8 else {}
    override = call(PKG + "SpotFundsOverride", **named)
    if random.fault():
        override = random.choice((None, 1))
    return call(PKG + "SpotFundsOverrideEntry", target, override)


def pricing_source(random: Draw, *, strict: bool = False) -> Expression:
    enums = (
        ref(PKG + "SpotFundsPricingSource.MARK"),
        ref(PKG + "SpotFundsPricingSource.BOOK_TOP"),
    )
    if strict:
        return random.odd(enums, ("Mark", "x", None, 1))
    return random.odd((*enums, "Mark", "BookTop"), ("mark", "x", None, 1))


def spot_barrier(random: Draw) -> Expression:
    currency = random.choice(("USD", "USD", "USD", "EUR"))
    named = bounds(random)
    if random.fault():
        currency = asset(random)
    return call(PKG + "SpotFundsPnlBoundsBarrier", currency, **named)


def spot_pnl_axes(random: Draw) -> dict[str, list[Expression]]:
    axes: dict[str, list[Expression]] = {}
    if random.random() < 0.5:
        axes["global"] = [spot_barrier(random)]
    if random.random() < 0.5:
        axes["account_group"] = [
            call(PKG + "SpotFundsPnlBoundsAccountGroupBarrier", spot_barrier(random), group(random))
            for _ in range(random.randint(0, 2))
        ]
    if random.random() < 0.5:
        axes["account"] = [
            call(PKG + "SpotFundsPnlBoundsAccountBarrier", spot_barrier(random), account(random))
            for _ in range(random.randint(0, 2))
        ]
    if not any(axes.values()) and not random.fault():
        axes["global"] = [spot_barrier(random)]
    return axes


def spot_funds(
    random: Draw, service: Expression | None = None, group_id: int | None = None
) -> Expression:
    builder = call(PKG + "build_spot_funds")
    if service is None:
        return _grouped(builder, group_id)
    named: dict[str, Expression] = {}
    if random.random() < 0.6:
        named["pricing_source"] = pricing_source(random)
    if random.random() < 0.5:
        entries = [override_entry(random) for _ in range(random.randint(0, 3))]
        named["overrides"] = many(entries, random.choice(("list", "tuple", "iter")))
    arguments = [service, slippage(random)]
    if random.chance(0.5):
        builder = _grouped(builder, group_id)
        builder = on(builder, "market_data", *arguments, **named)
        return on(builder, "market_data", *arguments, **named) if random.chance(0.1) else builder
    return _grouped(on(builder, "market_data", *arguments, **named), group_id)


def _grouped(builder: Expression, group_id: int | None) -> Expression:
    return builder if group_id is None else on(builder, "with_policy_group_id", group_id)


def spot_killswitch(
    random: Draw, service: Expression | None = None, group_id: int | None = None
) -> Expression:
    methods: list[tuple[str, list[Expression]]] = []
    if group_id is not None:
        methods.append(("with_policy_group_id", [group_id]))
    if service is not None:
        methods.append(("market_data", [service]))
    axes = spot_pnl_axes(random)
    if not axes:
        axes["account"] = []
    names = {
        "global": "global_barrier",
        "account_group": "account_group_barriers",
        "account": "account_barriers",
    }
    methods.extend((names[axis], barriers) for axis, barriers in axes.items())
    random.shuffle(methods)
    builder = call(PKG + "build_spot_funds_pnl_bounds_killswitch")
    for name, arguments in methods:
        builder = on(builder, name, *arguments)
    return builder


# Together


def order_validation(random: Draw) -> Expression:
    builder = call(PKG + "build_order_validation")
    if random.random() < 0.1:
        return on(builder, "with_policy_group_id", random.choice(GROUP_IDS))
    return builder


def simple(random: Draw) -> list[Expression]:
    """Some of the four simple policies in some order; rarely one of them twice."""
    makers = [order_validation, rate_limit, order_size_limit, pnl_bounds]
    chosen = random.sample(makers, random.choice((1, 2, 3, 4, 4)))
    if random.fault():
        chosen.append(random.choice(makers))
    return [maker(random) for maker in chosen]


def _ready(random: Draw, builder: Expression, axes: dict[str, list[Expression]]) -> Expression:
    methods = {
        "broker": "broker_barrier",
        "asset": "asset_barriers",
        "account": "account_barriers",
        "account_asset": "account_asset_barriers",
    }
    renamed = {methods[axis]: barriers for axis, barriers in axes.items()}
    if not renamed and not random.fault():
        renamed["asset_barriers"] = []
    return _chained(random, builder, renamed)


def _chained(random: Draw, builder: Expression, methods: dict[str, list[Expression]]) -> Expression:
    chained = list(methods.items())
    random.shuffle(chained)
    if random.chance(0.15):
        group_id = random.odd(GROUP_IDS, (-1, 65536, "1", None))
        chained.insert(random.randint(0, len(chained)), ("with_policy_group_id", [group_id]))
    for name, arguments in chained:
        builder = on(builder, name, *arguments)
    return builder


# Reconfiguration

NAMES = {
    "rate": "RateLimitPolicy",
    "size": "OrderSizeLimitPolicy",
    "pnl": "PnlBoundsKillSwitchPolicy",
    "spot": "SpotFundsPolicy",
}


def reconfiguration(random: Draw, kinds: tuple[str, ...]) -> Expression:
    kind = random.choice(kinds)
    name = NAMES[kind]
    if random.fault():
        name = random.choice((*NAMES.values(), "OrderValidationPolicy", "nope", "P", 1, None))
    return random.choice(_RECONFIGURATIONS[kind])(random, name)


def reconfigurations(random: Draw, kinds: tuple[str, ...]) -> Expression:
    """Return several changes of settings that are made together; the reference has no such call."""
    changes: list[Expression] = []
    for _ in range(random.randint(0, 3)):
        _, _, method, (name,), *named = reconfiguration(random, kinds)
        arguments = {"name": name, **(named[0] if named else {})}
        changes.append(many([method, ["named", arguments]], "tuple"))
    if random.fault():
        changes.append(random.choice((1, many(["rate_limit"], "tuple"))))
    return on(domain.configure(), "apply_all", many(changes))


def _listed(random: Draw, items: list[Expression]) -> Expression:
    if random.fault():
        return random.choice((1, "x", many([1]), many(items, "iter")))
    return many(items, random.choice(("list", "list", "tuple")))


def _settle_axes(
    random: Draw, axes: dict[str, list[Expression]], parameters: dict[str, str]
) -> dict[str, Expression]:
    named: dict[str, Expression] = {}
    for axis, barriers in axes.items():
        parameter = parameters[axis]
        if parameter in ("broker", "global_barrier"):
            named[parameter] = barriers[0]
        else:
            named[parameter] = _listed(random, barriers)
    return named


def _configure_rate(random: Draw, name: Expression) -> Expression:
    named = _settle_axes(
        random,
        rate_axes(random),
        {
            "broker": "broker",
            "asset": "asset_barriers",
            "account": "account_barriers",
            "account_asset": "account_asset_barriers",
        },
    )
    if random.random() < 0.15:
        named["clear_broker"] = random.odd((True, True, False), (1, None))
    return on(domain.configure(), "rate_limit", name, **named)


def _configure_size(random: Draw, name: Expression) -> Expression:
    named = _settle_axes(
        random,
        size_axes(random),
        {"broker": "broker", "asset": "asset_barriers", "account_asset": "account_asset_barriers"},
    )
    if random.random() < 0.15:
        named["clear_broker"] = random.choice((True, True, False))
    return on(domain.configure(), "order_size_limit", name, **named)


def _configure_pnl(random: Draw, name: Expression) -> Expression:
    named = _settle_axes(
        random,
        pnl_axes(random, update=random.random() < 0.95),
        {"broker": "broker_barriers", "account": "account_barriers"},
    )
    return on(domain.configure(), "pnl_bounds_killswitch", name, **named)


def _set_pnl(random: Draw, name: Expression) -> Expression:
    return on(
        domain.configure(),
        "set_account_pnl",
        name,
        account=account(random),
        settlement_asset=asset(random),
        pnl=numbers.raw(random, "Pnl") if random.chance(0.2) else random.choice(BOUNDS),
    )


def limit_mode(random: Draw) -> Expression:
    return random.odd(
        (ref(PKG + "SpotFundsLimitMode.ENFORCE"), ref(PKG + "SpotFundsLimitMode.TRACK_ONLY"), None),
        ("Enforce", "x", 1),
    )


def _configure_spot(random: Draw, name: Expression) -> Expression:
    named: dict[str, Expression] = {}
    if random.random() < 0.3:
        named["global_slippage_bps"] = slippage(random)
    if random.random() < 0.3:
        named["pricing_source"] = pricing_source(random, strict=True)
    if random.random() < 0.3:
        entries = [override_entry(random) for _ in range(random.randint(0, 3))]
        named["overrides"] = _listed(random, entries)
    if random.random() < 0.3:
        named["global_limit_mode"] = limit_mode(random)
    if random.random() < 0.3:
        modes = [
            call(PKG + "SpotFundsLimitModeAccountEntry", account(random), limit_mode(random))
            for _ in range(random.randint(0, 2))
        ]
        named["account_limit_modes"] = _listed(random, modes)
    if random.random() < 0.3:
        modes = [
            call(PKG + "SpotFundsLimitModeAccountGroupEntry", group(random), limit_mode(random))
            for _ in range(random.randint(0, 2))
        ]
        named["account_group_limit_modes"] = _listed(random, modes)
    if random.random() < 0.4:
        named["position_limits"] = _listed(random, _position_limits(random))
    if random.fault():
        named["position_limits"] = None
    return on(domain.configure(), "spot_funds", name, **named)


def _position_limits(random: Draw) -> list[Expression]:
    limits: list[Expression] = []
    for _ in range(random.randint(0, 3)):
        limit: Expression = call("param.Quantity", random.choice(("0", "5", "10", "1000")))
        if random.random() < 0.15:
            limit = None
        if random.fault():
            limit = random.choice(
                ("5", 5, call("param.Quantity", str(numbers.LARGEST)), call("param.Pnl", 5))
            )
        limits.append(
            call(PKG + "SpotFundsPositionLimitEntry", account(random), asset(random), limit)
        )
    return limits


def _configure_spot_pnl(random: Draw, name: Expression) -> Expression:
    named = _settle_axes(
        random,
        spot_pnl_axes(random),
        {
            "global": "global_barrier",
            "account_group": "account_group_barriers",
            "account": "account_barriers",
        },
    )
    if random.random() < 0.1:
        named["global_barrier"] = None
    if random.fault():
        named["global_barrier"] = 1
    return on(domain.configure(), "spot_funds_pnl_bounds_killswitch", name, **named)


def halt_reason(random: Draw) -> Expression:
    return ref(
        "pretrade.PnlHaltReason."
        + random.choice(
            (
                "MISSING_FX",
                "MISSING_ACCOUNT_CURRENCY",
                "MISSING_INITIAL_PNL",
                "MISSING_COST_BASIS",
                "ARITHMETIC_OVERFLOW",
            )
        )
    )


def _set_spot_pnl(random: Draw, name: Expression) -> Expression:
    form = random.random()
    state: Expression
    if form < 0.6:
        state = random.choice(BOUNDS)
    elif form < 0.8:
        state = halt_reason(random)
    else:
        state = numbers.raw(random, "Pnl")
    return on(
        domain.configure(),
        "set_spot_funds_account_pnl",
        name,
        account=account(random),
        state=state,
    )


_RECONFIGURATIONS = {
    "rate": (_configure_rate,),
    "size": (_configure_size,),
    "pnl": (_configure_pnl, _set_pnl),
    "spot": (_configure_spot, _configure_spot, _configure_spot_pnl, _set_spot_pnl),
}
