"""Request and report models: every constructor with right and wrong arguments, then its fields."""

from __future__ import annotations

from collections.abc import Callable

from generators import domain, numbers
from generators.draw import Draw
from generators.expressions import Expression, Scenario, call, get, many, op, ref, step, v

Maker = Callable[[Draw], Expression]


def _pick(*choices: Expression) -> Maker:
    return lambda random: random.choice(choices)


def _either(good: Maker, *bad: Expression) -> Maker:
    return lambda random: random.choice(bad) if random.fault() else good(random)


def _number(kind: str) -> Maker:
    return lambda random: (
        numbers.raw(random, kind) if random.chance(0.15) else numbers.value(random, kind)
    )


def _optional(maker: Maker) -> Maker:
    return lambda random: None if random.random() < 0.2 else maker(random)


_bad = (1, "x", None, 1.5, True, ["obj", {}])
_instrument = _either(domain.instrument, *_bad)
_account = _either(domain.account, *_bad, 2)
_flag = _either(_pick(True, False), 1, 0, None, "x")
_asset = _either(
    lambda random: random.choice((*domain.ASSETS, call("param.Asset", "USD"))),
    "",
    " ",
    None,
    1,
    ["bytes", "61"],
)
_side = _either(lambda random: random.choice(domain.SIDES), "x", "", None, 1, "LONG", " sell ")
_leverage = _either(
    lambda random: random.choice((call("param.Leverage", 10), 1, 2.5, 100)),
    0,
    5000,
    1.05,
    None,
    "10",
    True,
)
_monetary = _either(domain.fee, *_bad, call("param.Fee", 1))
_adjustment_amount = _either(
    lambda random: call(
        f"param.AdjustmentAmount.{random.choice(('delta', 'absolute'))}", numbers.signed(random)
    ),
    *_bad,
    call("param.PositionSize", 1),
)
_halt = _either(
    _pick(
        ref("pretrade.PnlHaltReason.MISSING_FX"), ref("pretrade.PnlHaltReason.ARITHMETIC_OVERFLOW")
    ),
    "MissingFx",
)


def _pnl_or_halt(random: Draw) -> Expression:
    return _halt(random) if random.chance(0.3) else _number("Pnl")(random)


_mode = _either(
    _pick("netting", "hedged", ref("param.PositionMode.NETTING")), "NETTING", "x", None, 1
)
_position_side = _either(
    _pick("LONG", "SHORT", ref("param.PositionSide.LONG")), "long", "x", "BUY", None, 1
)
_effect = _either(_pick("OPEN", "CLOSE", ref("param.PositionEffect.OPEN")), "open", "x", None, 1)
_group_id = _either(_pick(0, 1, 65535), 65536, -1, "1", None, True, 1.0)
_code = _either(
    _pick("Other", "Custom", ref("pretrade.RejectCode.OTHER")), "zzz", "OTHER", None, 1, ""
)
_text = _either(_pick("a", "", "é"), None, 1)
_token = _either(_pick(0, 1, 2**64 - 1), 2**64, -1, "1", None, True, 1.5)


def _trade(random: Draw) -> Expression:
    return call(
        "param.Trade",
        price=numbers.value(random, "Price"),
        quantity=numbers.value(random, "Quantity"),
    )


def _made(path: str) -> Maker:
    return lambda random: make(random, path, sound=True)


def _list_of(maker: Maker) -> Maker:
    def listed(random: Draw) -> Expression:
        items = [maker(random) for _ in range(random.randint(0, 2))]
        return many(items, random.choice(("list", "tuple", "iter")))

    return _either(listed, None, 1, "x")


#: Parameters of each class. A "!" marks a required one.
MODELS: dict[str, dict[str, Maker]] = {
    "Instrument": {"underlying_asset!": _asset, "settlement_asset!": _asset},
    "OrderOperation": {
        "instrument!": _instrument,
        "side!": _side,
        "trade_amount!": _either(domain.trade_amount, *_bad, 5),
        "account_id!": _account,
        "price": _number("Price"),
    },
    "OrderPosition": {
        "position_side": _position_side,
        "reduce_only": _flag,
        "close_position": _flag,
    },
    "OrderMargin": {"leverage": _leverage, "collateral_asset": _asset, "auto_borrow": _flag},
    "Order": {
        "operation": _either(_made("OrderOperation"), *_bad),
        "position": _either(_made("OrderPosition"), *_bad),
        "margin": _either(_made("OrderMargin"), *_bad),
    },
    "ExecutionReportOperation": {
        "instrument!": _instrument,
        "side!": _side,
        "account_id!": _account,
    },
    "FinancialImpact": {"pnl!": _number("Pnl"), "fee!": _number("Fee")},
    "ExecutionReportFillDetails": {
        "last_trade": _either(_trade, *_bad),
        "fee": _monetary,
        "remaining_reserved_quantity": _number("Quantity"),
        "lock!": _either(domain.lock, *_bad, ["list"]),
        "is_final": _flag,
    },
    "ExecutionReportPositionImpact": {"position_effect": _effect, "position_side": _position_side},
    "ExecutionReport": {
        "operation": _either(_made("ExecutionReportOperation"), *_bad),
        "financial_impact": _either(_made("FinancialImpact"), *_bad),
        "fill": _either(_made("ExecutionReportFillDetails"), *_bad),
        "position_impact": _either(_made("ExecutionReportPositionImpact"), *_bad),
    },
    "Mutation": {"commit!": _pick(["fn", "c"], 1, None), "rollback!": _pick(["fn", "r"], None)},
    "account_adjustment.Amount": {
        "balance": _adjustment_amount,
        "held": _adjustment_amount,
        "incoming": _adjustment_amount,
    },
    "account_adjustment.BalanceOperation": {
        "asset!": _asset,
        "average_entry_price": _number("Price"),
        "realized_pnl": _pnl_or_halt,
    },
    "account_adjustment.PositionOperation": {
        "instrument!": _instrument,
        "collateral_asset!": _asset,
        "average_entry_price!": _number("Price"),
        "mode!": _mode,
        "leverage": _leverage,
    },
    "account_adjustment.AccountPnlOperation": {"state!": _pnl_or_halt},
    "account_adjustment.Bounds": {
        name: _number("PositionSize")
        for name in (
            "balance_upper",
            "balance_lower",
            "held_upper",
            "held_lower",
            "incoming_upper",
            "incoming_lower",
        )
    },
    "account_adjustment.Adjustment": {
        "operation": _either(
            lambda random: make(
                random,
                "account_adjustment."
                + random.choice(("BalanceOperation", "PositionOperation", "AccountPnlOperation")),
                sound=True,
            ),
            *_bad,
        ),
        "amount": _either(_made("account_adjustment.Amount"), *_bad),
        "bounds": _either(_made("account_adjustment.Bounds"), *_bad),
    },
    "pretrade.AccountBlock": {
        "policy!": _text,
        "code!": _code,
        "reason!": _text,
        "details!": _text,
        "user_data": _token,
    },
    "pretrade.OutcomeAmount": {
        "delta!": _number("PositionSize"),
        "absolute!": _number("PositionSize"),
    },
    "pretrade.PnlOutcomeAmount": {"delta!": _number("Pnl"), "absolute!": _number("Pnl")},
    "pretrade.PnlOutcome": {
        "pnl": _optional(_either(_made("pretrade.PnlOutcomeAmount"), 1, "x")),
        "halt_reason": _optional(_halt),
    },
    "pretrade.AccountPnlOutcome": {
        "policy_group_id!": _group_id,
        "account_id!": _account,
        "pnl": _optional(_either(_made("pretrade.PnlOutcomeAmount"), 1, "x")),
        "halt_reason": _optional(_halt),
    },
    "pretrade.AccountOutcomeEntry": {
        "asset!": _asset,
        "balance": _either(_made("pretrade.OutcomeAmount"), *_bad),
        "held": _either(_made("pretrade.OutcomeAmount"), *_bad),
        "incoming": _either(_made("pretrade.OutcomeAmount"), *_bad),
        "realized_pnl": _either(
            lambda random: call(
                "pretrade.PnlOutcome", pnl=make(random, "pretrade.PnlOutcomeAmount", sound=True)
            ),
            *_bad,
        ),
        "average_entry_price": _number("Price"),
    },
    "pretrade.AccountAdjustmentOutcome": {
        "policy_group_id!": _group_id,
        "entry!": _either(_made("pretrade.AccountOutcomeEntry"), *_bad),
    },
    "pretrade.PostTradeResult": {
        "account_blocks": _list_of(_either(domain.block, 1)),
        "account_pnls": _list_of(
            lambda random: call(
                "pretrade.AccountPnlOutcome",
                policy_group_id=1,
                account_id=domain.account(random),
                halt_reason=ref("pretrade.PnlHaltReason.MISSING_FX"),
            )
        ),
        "account_adjustments": _list_of(
            lambda random: call(
                "pretrade.AccountAdjustmentOutcome",
                policy_group_id=1,
                entry=make(random, "pretrade.AccountOutcomeEntry", sound=True),
            )
        ),
    },
    "pretrade.PolicyReject": {
        "code!": _code,
        "reason!": _text,
        "details!": _text,
        "scope": _either(
            _pick(ref("pretrade.RejectScope.ORDER"), ref("pretrade.RejectScope.ACCOUNT")),
            "order",
            None,
        ),
        "user_data": _token,
    },
    "pretrade.PolicyDecision": {
        "rejects": _pick(["tuple"], ["list"]),
        "mutations": _pick(["tuple"]),
    },
    "pretrade.PolicyPreTradeResult": {
        "rejects": _pick(["tuple"]),
        "lock_prices": _pick(["tuple"], ["tuple", "1.5"]),
    },
    "pretrade.PolicyAccountAdjustmentResult": {"account_blocks": _pick(["tuple"], ["list"])},
    "marketdata.Quote": {
        "mark": _number("Price"),
        "bid": _number("Price"),
        "ask": _number("Price"),
    },
    "core.SettlementLag": {
        "n!": _token,
        "unit!": _either(_pick(ref("core.SettlementUnit.BUSINESS_DAYS")), 0, "x", None),
    },
}

_POSITIONAL = frozenset({"Instrument", "Mutation", "core.SettlementLag", "pretrade.PolicyReject"})


def make(random: Draw, path: str, *, sound: bool = False) -> Expression:
    """A construction; its argument list may be at fault unless it is to be ``sound``."""

    def fault() -> bool:
        return not sound and random.fault()

    named: dict[str, Expression] = {}
    for parameter, maker in MODELS[path].items():
        required = parameter.endswith("!")
        missing = fault() if required else random.chance(0.4)
        if not missing:
            named[parameter.rstrip("!")] = maker(random)
    if fault():
        named["surprise"] = 1
    if path in _POSITIONAL and random.chance(0.5):
        return call(path, *named.values())
    if fault():
        return call(path, *list(named.values())[:2])
    return call(path, **named)


def generate(random: Draw) -> Scenario:
    steps: Scenario = []
    names: list[str] = []
    for number in range(random.randint(10, 25)):
        random.turn()
        form = random.random()
        if form < 0.6 or not names:
            path = random.choice(list(MODELS))
            name = f"m{number}"
            steps.append(step(make(random, path), name))
            names.append(name)
        elif form < 0.7:
            steps.append(_subclassed(random))
        else:
            steps.append(step(_question(random, names)))
    return steps


#: What may be derived from and filled afterwards. The figures of the other groups are required, and
#: a bare class of theirs is refused in other words.
_DERIVABLE = (
    "Order",
    "OrderMargin",
    "OrderOperation",
    "OrderPosition",
    "ExecutionReport",
    "ExecutionReportOperation",
    "ExecutionReportPositionImpact",
    "account_adjustment.Adjustment",
    "account_adjustment.Amount",
    "account_adjustment.BalanceOperation",
    "account_adjustment.Bounds",
    "account_adjustment.PositionOperation",
)


def _subclassed(random: Draw) -> dict[str, Expression]:
    path = random.choice(_DERIVABLE)
    made = make(random, path)
    made[1] = ["class", path, domain.subclass(random)]
    return step(made, "sub")


def _question(random: Draw, names: list[str]) -> Expression:
    name = random.choice(names)
    form = random.random()
    attributes = (
        "instrument",
        "operation",
        "fill",
        "price",
        "underlying_asset",
        "settlement_asset",
        "lock",
        "side",
        "x",
    )
    if form < 0.25:
        return ["set", v(name), random.choice(attributes), random.choice(("MSFT", "", 1, None))]
    if form < 0.45:
        return get(v(name), random.choice(attributes))
    if form < 0.6:
        return op("is", get(v(name), "operation"), get(v(name), "operation"))
    if form < 0.7:
        return op(random.choice(("bool", "hashable", "len")), v(name))
    if form < 0.8:
        other = random.choice((v(name), v(random.choice(names)), 1))
        return op(random.choice(("eq", "ne", "hash_equal", "lt")), v(name), other)
    if form < 0.9:
        return op("repr", v(name))
    return v(name)
