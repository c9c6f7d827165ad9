"""Value types: constructors, arithmetic, comparison, conversions, identifiers, enumerations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import numbers
from generators.expressions import Expression, Scenario, call, get, on, op, ref, step, v

if TYPE_CHECKING:
    from generators.draw import Draw

_STRATEGIES = (
    "MidpointNearestEven",
    "MidpointAwayFromZero",
    "Up",
    "Down",
    ref("param.RoundingStrategy.UP"),
    ref("param.RoundingStrategy.DEFAULT"),
    ref("param.RoundingStrategy.CONSERVATIVE_PROFIT"),
    "up",
    "DOWN",
    " midpointNearestEven ",
    "midpoint_nearest_even",
    "\ud800",
    "x",
    None,
    3,
)
_HALVES = ("5", "25", "125", "45", "50", "4999", "500000000000000000000000000001")
_SCALES = (0, 0, 1, 2, 2, 3, 5, 10, 27, 28, 29, 100, -1, 2**32 - 1, 2**32, "1", 1.0, None, True)
_BINARY = ("add", "sub", "mul", "truediv", "mod", "floordiv", "pow", "iadd", "isub", "imul")
_COMPARE = ("eq", "ne", "lt", "le", "gt", "ge", "hash_equal")
_UNARY = (
    "neg",
    "pos",
    "abs",
    "bool",
    "float",
    "str",
    "repr",
    "hashable",
    "int",
    "len",
    "round",
    "iterate",
)

#: (type, method or static method, argument types)
_CONVERSIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Price", "calculate_volume", ("Quantity",)),
    ("Price", "calculate_position_size", ("Quantity",)),
    ("Quantity", "calculate_volume", ("Price",)),
    ("Quantity", "to_position_size", ()),
    ("Volume", "calculate_quantity", ("Price",)),
    ("Volume", "to_cash_flow_inflow", ()),
    ("Volume", "to_cash_flow_outflow", ()),
    ("Volume", "to_position_size", ()),
    ("Fee", "to_pnl", ()),
    ("Fee", "to_cash_flow", ()),
    ("Fee", "to_position_size", ()),
    ("Pnl", "to_cash_flow", ()),
    ("Pnl", "to_position_size", ()),
    ("Notional", "to_volume", ()),
    ("PositionSize", "to_open_quantity", ()),
    ("PositionSize", "to_close_quantity", ()),
)
_STATIC_CONVERSIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("CashFlow", "from_volume_inflow", ("Volume",)),
    ("CashFlow", "from_volume_outflow", ("Volume",)),
    ("CashFlow", "from_fee", ("Fee",)),
    ("CashFlow", "from_pnl", ("Pnl",)),
    ("Pnl", "from_fee", ("Fee",)),
    ("PositionSize", "from_fee", ("Fee",)),
    ("PositionSize", "from_pnl", ("Pnl",)),
    ("Notional", "from_price_quantity", ("Price", "Quantity")),
    ("Notional", "from_volume", ("Volume",)),
)
_SIDES = (
    ref("param.Side.BUY"),
    ref("param.Side.SELL"),
    "buy",
    "SELL",
    "Buy",
    "sElL",
    " buy ",
    "\ud800",
    "x",
    "",
    None,
    1,
)
_TEXTS = (
    "a",
    "acc-1",
    "",
    " ",
    "\t\n",
    "é",
    "a b",
    "\u2003",
    "0",
    "x" * 200,
    None,
    5,
    ["bytes", "61"],
)
_LEVERAGES = (
    1,
    10,
    100,
    3000,
    3001,
    0,
    -1,
    6553,
    6554,
    65535,
    65536,
    1.1,
    1.05,
    2.5,
    0.9,
    0.95,
    2999.9,
    3000.1,
    1.0000000001,
    1.1000000001,
    1.10000001,
    1e9,
    True,
    "10",
    None,
    ["dec", "1.5"],
    call("param.Price", "2.5"),
    call("param.Quantity", 3),
    ["float", "nan"],
    ["float", "inf"],
    2**70,
    -(2**70),
)
_ENUMS = {
    "param.Side": ("BUY", "SELL", "buy", "x", 1, None),
    "param.PositionSide": ("LONG", "SHORT", "long", "x", None),
    "param.PositionEffect": ("OPEN", "CLOSE", "open", 3),
    "param.PositionMode": ("netting", "hedged", "NETTING", None),
    "param.FillType": ("TRADE", "FUNDING", "SETTLEMENT", "trade", "x"),
    "param.Kind": ("Quantity", "CashFlow", "QUANTITY", "x"),
    "param.RoundingStrategy": ("Up", "Down", "MidpointNearestEven", "up", None),
    "pretrade.RejectCode": ("Other", "Custom", "OTHER", "zzz", None),
    "pretrade.RejectScope": ("order", "account", "ORDER", None),
    "pretrade.policies.SpotFundsPricingSource": ("Mark", "BookTop", "mark", None),
    "pretrade.policies.SpotFundsLimitMode": ("Enforce", "TrackOnly", "x"),
}
_NATIVE_ENUMS = {
    "ConfigureErrorKind": ("UNKNOWN", "TYPE_MISMATCH", "VALIDATION"),
    "pretrade.PnlHaltReason": (
        "MISSING_FX",
        "MISSING_ACCOUNT_CURRENCY",
        "MISSING_INITIAL_PNL",
        "MISSING_COST_BASIS",
        "ARITHMETIC_OVERFLOW",
    ),
    "marketdata.QuoteResolution": (
        "ACCOUNT_ONLY",
        "ACCOUNT_THEN_GROUP",
        "ACCOUNT_THEN_GROUP_THEN_DEFAULT",
    ),
    "core.SettlementUnit": ("BUSINESS_DAYS", "CALENDAR_DAYS"),
}


def generate(random: Draw) -> Scenario:
    steps: Scenario = []
    kept: list[tuple[str, str]] = []
    for kind in random.sample(numbers.DECIMAL_TYPES, 4):
        name = f"v{len(kept)}"
        steps.append(step(numbers.value(random, kind), name))
        kept.append((name, kind))
    for _ in range(random.randint(15, 40)):
        random.turn()
        made = random.choices(_MAKERS, _WEIGHTS)[0](random, kept)
        if random.random() < 0.15:
            name = random.choice(kept)[0] if len(kept) > 12 else f"v{len(kept)}"
            kept.append((name, random.choice(numbers.DECIMAL_TYPES)))
            steps.append(step(made, name))
        else:
            steps.append(step(made))
    return steps


def _construct(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    kind = random.choice(numbers.DECIMAL_TYPES)
    argument = "1\ud800" if random.chance(0.01) else numbers.raw(random, kind)
    form = random.random()
    if form < 0.55:
        return call(f"param.{kind}", argument)
    if form < 0.6:
        return call(f"param.{kind}", value=argument)
    if form < 0.62:
        return call(f"param.{kind}", *random.choice(((), (1, 2))))
    source = random.choice(("decimal", "string", "int", "float"))
    if source == "decimal" and random.random() < 0.7:
        argument = ["dec", random.choice((random.choice(numbers.DECIMALS), numbers.signed(random)))]
    if source == "int" and random.random() < 0.7:
        argument = random.choice(numbers.INTEGERS)
    if source == "float" and random.random() < 0.7:
        argument = random.choice((random.choice(numbers.FLOATS), random.uniform(-1e6, 1e6)))
    return call(f"param.{kind}.from_{source}", argument)


def _rounded(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    kind = random.choice(numbers.DECIMAL_TYPES)
    source = random.choice(("decimal", "string", "float"))
    argument: Expression
    if random.random() < 0.1:
        argument = numbers.raw(random, kind)
    elif source == "decimal":
        argument = ["dec", random.choice((random.choice(numbers.DECIMALS), numbers.signed(random)))]
    elif source == "string":
        argument = random.choice(
            (
                numbers.signed(random),
                numbers.signed(random) + "5",
                f"{random.randint(-99, 99)}.{random.choice(_HALVES)}",
                random.choice(numbers.TEXT_GRAMMAR),
            )
        )
    else:
        argument = random.choice((random.choice(numbers.FLOATS), random.randint(-999, 999) / 8))
    strategy = random.choice(_STRATEGIES[:10] if random.random() < 0.9 else _STRATEGIES)
    scale = random.choice(_SCALES[:9] if random.random() < 0.8 else _SCALES)
    return call(f"param.{kind}.from_{source}_rounded", argument, scale, strategy)


def _operand(random: Draw, kept: list[tuple[str, str]], kind: str | None) -> Expression:
    form = random.random()
    same = [name for name, their_kind in kept if their_kind == kind]
    if form < 0.3 and same:
        return v(random.choice(same))
    if form < 0.4:
        return v(random.choice(kept)[0])
    if form < 0.6:
        return numbers.value(random, kind or random.choice(numbers.DECIMAL_TYPES))
    if form < 0.75:
        return random.choice((random.randint(-20, 20), random.choice(numbers.INTEGERS)))
    if form < 0.9:
        return random.choice((random.choice(numbers.FLOATS), random.uniform(-9, 9)))
    if form < 0.93:
        return ["float", random.choice(numbers.FLOAT_TEXTS)]
    return random.choice((*numbers.WRONG, ["dec", "2"]))


def _binary(random: Draw, kept: list[tuple[str, str]]) -> Expression:
    name, kind = random.choice(kept)
    left: Expression = v(name) if random.random() < 0.5 else numbers.value(random, kind)
    right = _operand(random, kept, kind)
    if random.random() < 0.9:
        if random.random() < 0.25:
            left, right = right, left
        return op(random.choice(_BINARY[:5]), left, right)
    return op(random.choice(_BINARY), left, right)


def _compare(random: Draw, kept: list[tuple[str, str]]) -> Expression:
    name, kind = random.choice(kept)
    if random.chance(0.15):
        # Of different numbers it is chance whether their hashes are equal.
        text = numbers.plain(random)
        twin = f"{text}0" if "." in text and random.chance(0.5) else text
        other = random.choice(numbers.DECIMAL_TYPES)
        return op("hash_equal", call(f"param.{kind}", text), call(f"param.{other}", twin))
    return op(random.choice(_COMPARE[:6]), v(name), _operand(random, kept, kind))


def _unary(random: Draw, kept: list[tuple[str, str]]) -> Expression:
    name, kind = random.choice(kept)
    value = v(name) if random.random() < 0.4 else numbers.value(random, kind)
    form = random.random()
    if form < 0.6:
        return op(random.choice(_UNARY), value)
    if form < 0.75:
        return get(value, "decimal")
    if form < 0.9:
        return on(value, "to_json_value")
    if form < 0.94:
        return ["set", value, random.choice(("decimal", "x")), 1]
    if form < 0.97:
        return op("format", value, random.choice(("", ".2f")))
    return get(ref(f"param.{kind}"), "ZERO")


def _convert(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    table = random.choice((_CONVERSIONS, _STATIC_CONVERSIONS))
    kind, method, argument_kinds = random.choice(table)
    arguments = [
        numbers.value(random, wanted)
        if random.random() < 0.95
        else random.choice((numbers.value(random, "Pnl"), *numbers.WRONG))
        for wanted in argument_kinds
    ]
    if table is _CONVERSIONS:
        return on(numbers.value(random, kind), method, *arguments)
    return call(f"param.{kind}.{method}", *arguments)


def _sided(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    quantity = numbers.value(random, "Quantity")
    side = random.choice(_SIDES)
    if random.random() < 0.5:
        return call("param.PositionSize.from_quantity_and_side", quantity, side)
    return on(numbers.value(random, "PositionSize"), "checked_add_quantity", quantity, side)


def _leverage(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    factor = random.choice(
        (random.choice(_LEVERAGES), random.randint(1, 3000), random.randint(10, 30000) / 10)
    )
    form = random.random()
    good = random.choice((1, 2.5, 10, 100.1, 3000))
    if form < 0.3:
        return call("param.Leverage", factor)
    if form < 0.45:
        return call(f"param.Leverage.{random.choice(('from_int', 'from_float'))}", factor)
    if form < 0.65:
        notional = random.choice(
            (numbers.value(random, "Notional"), numbers.raw(random, "Notional"))
        )
        return on(call("param.Leverage", good), "calculate_margin_required", notional)
    if form < 0.85:
        notional = numbers.value(random, "Notional")
        argument = call("param.Leverage", good) if random.random() < 0.5 else factor
        return on(notional, "calculate_margin_required", argument)
    if form < 0.9:
        return ref(f"param.Leverage.{random.choice(('SCALE', 'MIN', 'MAX', 'STEP'))}")
    first, second = call("param.Leverage", good), call("param.Leverage", 10)
    return (
        op(random.choice(("repr", "str", "hashable", "neg")), first)
        if form < 0.95
        else op(random.choice(("eq", "ne", "lt", "add", "hash_equal")), first, second)
    )


def _identifier(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    kind = random.choice(("param.AccountId", "param.AccountGroupId"))
    form = random.random()
    if form < 0.3:
        number = random.choice((*numbers.INTEGERS, *numbers.WRONG))
        return call(f"{kind}.from_int", number)
    if form < 0.5:
        return call(f"{kind}.from_string", random.choice((*_TEXTS, f"acc{random.random()}")))
    if form < 0.55:
        return call(kind, 5)
    if form < 0.75:
        left = call(f"{kind}.from_int", random.randint(1, 2))
        same = call(f"{kind}.from_int", random.randint(1, 2))
        if random.chance(0.3):
            return op("hash_equal", left, same)
        return op(random.choice(_COMPARE[:6]), left, random.choice((same, 1, "1", None)))
    if form < 0.8:
        return op(
            random.choice(("str", "repr", "int", "hashable", "bool", "float")),
            call(f"{kind}.from_int", random.choice((1, 5, 2**32 - 1))),
        )
    if form < 0.83:
        return random.choice(
            (ref("param.DEFAULT_ACCOUNT_GROUP"), ref("param.AccountGroupId.DEFAULT"))
        )
    return _instrument_id(random)


def _instrument_id(random: Draw) -> Expression:
    form = random.random()
    if form < 0.4:
        return call("core.InstrumentId", random.choice((*numbers.INTEGERS, *numbers.WRONG)))
    if form < 0.8:
        left = call("core.InstrumentId", random.randint(0, 2))
        same = call("core.InstrumentId", random.randint(0, 2))
        if random.chance(0.3):
            return op("hash_equal", left, same)
        return op(random.choice(_COMPARE[:6]), left, random.choice((same, 1, "1", None)))
    return op(
        random.choice(("str", "repr", "int", "hashable", "bool")), call("core.InstrumentId", 7)
    )


def _asset(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    form = random.random()
    if form < 0.6:
        return call("param.Asset", random.choice((*_TEXTS, call("param.Asset", "USD"))))
    usd = call("param.Asset", "USD")
    if form < 0.8:
        return op(random.choice(_COMPARE), usd, random.choice(("USD", "EUR", usd, None, 1)))
    return op(random.choice(("str", "repr", "len", "bool", "hashable")), usd)


def _enum(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    if random.random() < 0.35:
        path = random.choice(list(_NATIVE_ENUMS))
        member = ref(f"{path}.{random.choice(_NATIVE_ENUMS[path])}")
        form = random.random()
        if form < 0.5:
            return op(random.choice(("int", "str", "repr", "hashable", "bool", "float")), member)
        if form < 0.6:
            return call(path, *random.choice(((), (1,), ("UNKNOWN",))))
        other_path = random.choice((path, path, random.choice(list(_NATIVE_ENUMS))))
        other = ref(f"{other_path}.{random.choice(_NATIVE_ENUMS[other_path])}")
        right = random.choice((other, other, 0, 1, 2, 1.0, "x", None, True))
        return op(random.choice(("eq", "ne", "lt", "ge")), member, right)
    path = random.choice(list(_ENUMS))
    values = _ENUMS[path]
    if random.random() < 0.5:
        return call(path, random.choice(values))
    member = call(path, values[random.randrange(2)])
    methods = {
        "param.Side": ("is_buy", "is_sell", "opposite", "sign"),
        "param.PositionSide": ("is_long", "is_short", "opposite"),
    }.get(path)
    if methods and random.random() < 0.6:
        return on(member, random.choice(methods))
    return (
        op(random.choice(("str", "repr", "hashable", "bool", "len", "format")), member, *())
        if (random.random() < 0.6)
        else op(random.choice(("eq", "ne", "hash_equal", "add", "lt")), member, values[0])
    )


def _subclass(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    finals = (*numbers.DECIMAL_TYPES, "AccountId", "AccountGroupId", "Leverage")
    paths = [*(f"param.{name}" for name in finals), "core.InstrumentId", "marketdata.Quote"]
    return ["class", random.choice(paths), {}]


def _reject_code(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    if random.random() < 0.7:
        return on(call("pretrade.RejectCode", random.choice(REJECT_CODES)), "is_evaluation_failure")
    name = random.choice(("DEFAULT", "BANKER", "CONSERVATIVE_PROFIT", "CONSERVATIVE_LOSS"))
    return ref(f"param.RoundingStrategy.{name}")


def _amounts(random: Draw, _kept: list[tuple[str, str]]) -> Expression:
    form = random.random()
    if form < 0.3:
        kind = random.choice(("quantity", "volume"))
        made = call(f"param.TradeAmount.{kind}", numbers.raw(random, kind.capitalize()))
    elif form < 0.6:
        made = call(
            f"param.AdjustmentAmount.{random.choice(('delta', 'absolute'))}",
            numbers.raw(random, "PositionSize"),
        )
    elif form < 0.75:
        fee = random.choice((numbers.value(random, "Fee"), numbers.raw(random, "Fee")))
        made = call(
            "param.MonetaryAmount", fee, random.choice(("USD", call("param.Asset", "EUR"), *_TEXTS))
        )
    elif form < 0.9:
        made = call(
            "param.Trade",
            price=random.choice((numbers.value(random, "Price"), 5, None)),
            quantity=random.choice((numbers.value(random, "Quantity"), "5")),
        )
    else:
        made = call(
            random.choice(("param.TradeAmount", "param.AdjustmentAmount", "param.Trade")),
            *random.choice(
                (
                    (),
                    (1,),
                    (call("param.TradeAmount.quantity", 5),),
                    (call("param.AdjustmentAmount.delta", -5),),
                    (numbers.value(random, "Price"), numbers.value(random, "Quantity")),
                )
            ),
        )
    if random.random() < 0.2:
        return op(random.choice(("repr", "str", "hashable", "bool")), made)
    if random.random() < 0.1:
        return op(random.choice(("eq", "ne", "lt", "hash_equal")), made, made)
    return made


REJECT_CODES = [
    "MissingRequiredField",
    "InvalidFieldFormat",
    "InvalidFieldValue",
    "UnsupportedOrderType",
    "UnsupportedTimeInForce",
    "UnsupportedOrderAttribute",
    "DuplicateClientOrderId",
    "TooLateToEnter",
    "ExchangeClosed",
    "UnknownInstrument",
    "UnknownAccount",
    "UnknownVenue",
    "UnknownClearingAccount",
    "UnknownCollateralAsset",
    "InsufficientFunds",
    "InsufficientMargin",
    "InsufficientPosition",
    "CreditLimitExceeded",
    "RiskLimitExceeded",
    "OrderExceedsLimit",
    "OrderQtyExceedsLimit",
    "OrderNotionalExceedsLimit",
    "PositionLimitExceeded",
    "ConcentrationLimitExceeded",
    "LeverageLimitExceeded",
    "RateLimitExceeded",
    "PnlKillSwitchTriggered",
    "AccountBlocked",
    "AccountNotAuthorized",
    "ComplianceRestriction",
    "InstrumentRestricted",
    "JurisdictionRestriction",
    "WashTradePrevention",
    "SelfMatchPrevention",
    "ShortSaleRestriction",
    "RiskConfigurationMissing",
    "ReferenceDataUnavailable",
    "OrderValueCalculationFailed",
    "SystemUnavailable",
    "MarkPriceUnavailable",
    "AccountAdjustmentBoundsExceeded",
    "ArithmeticOverflow",
    "Custom",
    "Other",
]

_MAKERS = (
    _construct,
    _rounded,
    _binary,
    _compare,
    _unary,
    _convert,
    _sided,
    _leverage,
    _identifier,
    _asset,
    _enum,
    _reject_code,
    _amounts,
    _subclass,
)
_WEIGHTS = (22, 10, 25, 6, 8, 10, 4, 5, 6, 2, 5, 1, 6, 1)
