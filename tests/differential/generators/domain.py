"""Orders, reports and the small world they live in: three accounts, four assets, a few groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generators import numbers
from generators.expressions import Expression, call, many, ref, v

if TYPE_CHECKING:
    from generators.draw import Draw

ASSETS = ("AAPL", "MSFT", "USD", "EUR")
UNDERLYINGS = ("AAPL", "AAPL", "AAPL", "MSFT", "EUR")
SETTLEMENTS = ("USD", "USD", "USD", "EUR")
GROUPS = (1, 2)
SIDES = (
    "buy",
    "sell",
    "BUY",
    "Sell",
    ref("param.Side.BUY"),
    ref("param.Side.BUY"),
    ref("param.Side.SELL"),
    ref("param.Side.SELL"),
)


def account(random: Draw) -> Expression:
    if random.random() < 0.02:
        return call("param.AccountId.from_int", random.choice((0, 2**64 - 1, 7)))
    return call("param.AccountId.from_int", random.choice(random.accounts))


def group(random: Draw) -> Expression:
    return call("param.AccountGroupId.from_int", random.choice(GROUPS))


def instrument(random: Draw) -> Expression:
    return call("Instrument", random.choice(UNDERLYINGS), random.choice(SETTLEMENTS))


def trade_amount(random: Draw, sizes: tuple[str, ...] | None = None) -> Expression:
    kind = "quantity" if random.random() < 0.75 else "volume"
    size = random.choice(sizes) if sizes else numbers.magnitude(random)
    return call(f"param.TradeAmount.{kind}", size)


def order_operation(
    random: Draw,
    *,
    gaps: float = 0.04,
    sizes: tuple[str, ...] | None = None,
    prices: tuple[str, ...] | None = None,
    priceless: float = 0.1,
) -> Expression:
    """An operation; each field is absent with the probability ``gaps``."""
    price: Expression = random.choice(prices) if prices else numbers.signed(random)
    return call(
        "OrderOperation",
        instrument=instrument(random),
        side=None if random.chance(gaps) else random.choice(SIDES),
        trade_amount=None if random.chance(gaps) else trade_amount(random, sizes),
        account_id=None if random.chance(gaps) else account(random),
        price=None if random.chance(priceless) else price,
    )


def subclass(random: Draw) -> dict[str, bool]:
    """How a program's own class treats its base."""
    return random.choice(({"bare": True}, {}, {"hoarding": True}, {"guarded": True}))


def order(random: Draw, *, gaps: float = 0.04, **operation: Any) -> Expression:
    groups: dict[str, Expression] = {}
    if not random.chance(gaps):
        groups["operation"] = order_operation(random, gaps=gaps, **operation)
    if random.chance(0.05):
        groups["position"] = call("OrderPosition", reduce_only=True)
    if random.chance(0.05):
        groups["margin"] = call("OrderMargin", leverage=10)
    if random.chance(0.02):
        return call(["class", "Order", subclass(random)], **groups)
    return call("Order", **groups)


def report_operation(random: Draw, *, gaps: float = 0.04) -> Expression:
    return call(
        "ExecutionReportOperation",
        instrument=instrument(random),
        side=None if random.chance(gaps) else random.choice(SIDES),
        account_id=None if random.chance(gaps) else account(random),
    )


def lock(random: Draw, prices: tuple[str, ...] | None = None, group_id: int = 0) -> Expression:
    """A lock with one price for the group; sometimes none, sometimes two, sometimes others'."""
    form = random.random()
    price = random.choice(prices) if prices else numbers.signed(random)
    entry = ["tuple", group_id, price]
    if form < 0.85:
        return call("pretrade.Lock", many([entry]))
    if form < 0.9:
        return call("pretrade.Lock")
    if form < 0.95:
        return call("pretrade.Lock", many([entry, ["tuple", group_id, "2"]]))
    return call("pretrade.Lock", many([["tuple", 9, "3"], entry]))


def fee(random: Draw, amounts: tuple[str, ...] | None = None) -> Expression:
    amount = random.choice(amounts) if amounts else numbers.signed(random)
    return call("param.MonetaryAmount", call("param.Fee", amount), random.choice(ASSETS))


def fill(
    random: Draw,
    *,
    gaps: float = 0.04,
    sizes: tuple[str, ...] | None = None,
    prices: tuple[str, ...] | None = None,
    fees: tuple[str, ...] | None = None,
    locked: Expression | None = None,
) -> Expression:
    trade = call(
        "param.Trade",
        price=call("param.Price", random.choice(prices) if prices else numbers.signed(random)),
        quantity=call(
            "param.Quantity", random.choice(sizes) if sizes else numbers.magnitude(random)
        ),
    )
    remaining = random.choice(("0", random.choice(sizes) if sizes else numbers.magnitude(random)))
    return call(
        "ExecutionReportFillDetails",
        last_trade=None if random.chance(0.15) else trade,
        fee=fee(random, fees) if random.chance(0.25) else None,
        remaining_reserved_quantity=None if random.chance(gaps) else remaining,
        is_final=None if random.chance(gaps) else random.chance(0.5),
        lock=lock(random, prices) if locked is None else locked,
    )


def impact(random: Draw, amounts: tuple[str, ...] | None = None) -> Expression:
    return call(
        "FinancialImpact",
        pnl=call("param.Pnl", random.choice(amounts) if amounts else numbers.signed(random)),
        fee=call(
            "param.Fee",
            random.choice(("0", random.choice(amounts) if amounts else numbers.signed(random))),
        ),
    )


def report(
    random: Draw,
    *,
    gaps: float = 0.04,
    pnls: tuple[str, ...] | None = None,
    filled: float = 0.3,
    **fills: Any,
) -> Expression:
    groups: dict[str, Expression] = {}
    if not random.chance(gaps):
        groups["operation"] = report_operation(random, gaps=gaps)
    if not random.chance(gaps):
        groups["financial_impact"] = impact(random, pnls)
    if random.chance(filled):
        groups["fill"] = fill(random, gaps=gaps, **fills)
    if random.chance(0.05):
        groups["position_impact"] = call("ExecutionReportPositionImpact", position_effect="OPEN")
    if random.chance(0.01):
        return call(["class", "ExecutionReport", subclass(random)], **groups)
    return call("ExecutionReport", **groups)


def block(random: Draw) -> Expression:
    return call(
        "pretrade.AccountBlock",
        policy=random.choice(("P", "Q", "")),
        code=random.choice(("Other", "Custom", "RiskLimitExceeded", "AccountBlocked")),
        reason=random.choice(("why", "")),
        details=random.choice(("how", "")),
        user_data=random.choice((0, 1, 2**64 - 1)),
    )


def stage(random: Draw) -> Expression:
    """A builder that accepts policies."""
    return ["on", call("Engine.builder"), random.choice(("no_sync", "full_sync", "account_sync"))]


def engine(random: Draw, policies: list[Expression]) -> Expression:
    """An engine of ready builders and custom policies, in order."""
    built = stage(random)
    for policy in policies:
        method = "pre_trade" if policy[0] in ("policy", "v") else "builtin"
        built = ["on", built, method, [policy]]
    return ["on", built, "build"]


def accounts(engine_name: str = "e") -> Expression:
    return ["on", v(engine_name), "accounts"]


def configure(engine_name: str = "e") -> Expression:
    return ["on", v(engine_name), "configure"]
