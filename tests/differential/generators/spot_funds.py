"""Spot funds: holdings through orders, fills, releases and fees; PnL, FX, limits, barriers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generators import accounts, adjustments, domain, numbers, policies
from generators.expressions import Expression, Scenario, Step, call, get, many, on, ref, step, v
from generators.flow import finish

if TYPE_CHECKING:
    from generators.draw import Draw

INSTRUMENTS = (
    ("AAPL", "USD"),
    ("AAPL", "USD"),
    ("MSFT", "USD"),
    ("AAPL", "EUR"),
    ("EUR", "USD"),
    ("USD", "EUR"),
    ("AAPL", "AAPL"),
)
SIZES = ("1", "2", "4", "5", "10", "0.5", "3", "0", "7.25", "1000", "0.0000000000000001")
PRICES = ("50", "49.5", "60", "100", "1", "0.01", "33.333333333333", "0", "-5", "-0.25")
FEES = ("0", "1", "0.25", "-1", "2.50", "100")
REMAINING = ("0", "1", "4", "5", "10")


@dataclass
class Placed:
    """What the generator remembers of an order, so that reports can follow it."""

    name: str
    account: Expression
    instrument: tuple[str, str]
    side: str
    size: str
    price: str | None


class Desk:
    """One scenario in the making."""

    def __init__(self, random: Draw) -> None:
        self.random = random
        self.steps: Scenario = []
        self.placed: list[Placed] = []
        self.group_id = random.choice((0, 0, 0, 3))
        self.wide = random.chance(0.08)
        self.huge = random.chance(0.1)
        self.count = 0

    def open(self) -> None:
        random = self.random
        service = self._market() if random.chance(0.75) else None
        with random.dialled(0.0):
            group_id = self.group_id or None
            maker = policies.spot_killswitch if random.chance(0.25) else policies.spot_funds
            chosen = [maker(random, service, group_id)]
            if random.chance(0.15):
                chosen.extend(random.sample(policies.simple(random), 1))
            if random.chance(0.08):
                chosen.append(self._lock_maker())
        self.add(domain.engine(random, chosen), "e")
        self._fund()
        if self.huge:
            self._loosen()

    def _loosen(self) -> None:
        """Let the huge orders pass the funds check, some of them under a position limit."""
        random = self.random
        if random.chance(0.3):
            expected = call("AdjustmentAmount.absolute", str(numbers.LARGEST))
            made = call(
                "AccountAdjustment",
                operation=call("AccountAdjustmentBalanceOperation", asset="AAPL"),
                amount=call("AccountAdjustmentAmount", incoming=expected),
            )
            account = domain.account(random)
            self.add(on(v("e"), "apply_account_adjustment", account, many([made])))
        limits = [
            call(
                policies.PKG + "SpotFundsPositionLimitEntry",
                domain.account(random),
                random.choice(("AAPL", "USD")),
                call("param.Quantity", random.choice(numbers.HUGE)),
            )
            for _ in range(random.choice((0, 2, 4)))
        ]
        mode = ref(policies.PKG + "SpotFundsLimitMode.TRACK_ONLY")
        self.add(
            on(
                domain.configure(),
                "spot_funds",
                "SpotFundsPolicy",
                global_limit_mode=mode,
                position_limits=many(limits),
            )
        )

    def _market(self) -> Expression:
        random = self.random
        ttl = random.choice(
            (call("marketdata.QuoteTtl.infinite"), call("marketdata.QuoteTtl.within", ["td", HOUR]))
        )
        builder = on(domain.stage(random), "market_data", ttl)
        # A service without locks only fits a no-sync engine: every other combination builds.
        builder = on(builder, random.choices(("full_sync", "no_sync"), (9, 1))[0])
        self.add(on(builder, "build"), "md")
        for underlying, settlement in (("AAPL", "USD"), ("MSFT", "USD"), ("EUR", "USD")):
            if random.chance(0.85):
                self.add(on(v("md"), "register", call("Instrument", underlying, settlement)))
                self.add(self._push())
        if random.chance(0.3):
            self.add(on(v("md"), "register", call("Instrument", "AAPL", "EUR")))
        return v("md")

    def _push(self) -> Expression:
        random = self.random
        age = ["td", random.choice((0, 0, 0, 0, -5, 2 * HOUR))]
        instrument = call("core.InstrumentId", random.choice((0, 0, 1, 2, 3)))
        if random.chance(0.2):
            return on(
                v("md"),
                "push_for",
                instrument,
                quote(random),
                age,
                many([domain.account(random) for _ in range(random.choice((0, 1)))]),
                many([domain.group(random) for _ in range(random.choice((0, 1)))]),
            )
        return on(v("md"), "push", instrument, quote(random), age)

    def _lock_maker(self) -> Expression:
        """A policy of the same group whose lock prices stand in the way."""
        accept = call("pretrade.PolicyPreTradeResult.accept", lock_prices=many(["7"]))
        specification = {"name": "Locker", "hooks": {"perform_pre_trade_check": [accept, None]}}
        return ["policy", specification]

    def _fund(self) -> None:
        random = self.random
        handle = domain.accounts()
        for number in random.accounts:
            account = call("param.AccountId.from_int", number)
            if random.chance(0.6):
                self.add(on(handle, "set_currency", account, random.choice(("USD", "USD", "EUR"))))
            for asset, text in (("USD", "1000"), ("AAPL", "20"), ("EUR", "500")):
                if random.chance(0.6):
                    held = random.choice(numbers.HUGE) if self.huge else text
                    self.add(adjustments.deposit(account, asset, held))
        if random.chance(0.4):
            members = many([domain.account(random), domain.account(random)])
            self.add(on(handle, "register_group", members, domain.group(random)))
        if random.chance(0.3):
            default = ref("param.DEFAULT_ACCOUNT_GROUP")
            self.add(on(handle, "set_group_currency", default, "USD"))

    def add(self, do: Expression, keep: str | None = None) -> None:
        self.steps.append(step(do, keep))

    def extend(self, steps: list[Step]) -> None:
        self.steps.extend(steps)

    def size(self) -> str:
        if self.huge and self.random.chance(0.6):
            return self.random.choice(numbers.HUGE)
        return numbers.magnitude(self.random) if self.wide else self.random.choice(SIZES)

    def price(self) -> str:
        if self.huge:
            choices = ("1", "1", "2", "0.5", "-1", "-2", "0.3333333333333333333333333333")
            return self.random.choice((*choices, *numbers.HUGE))
        if self.wide:
            return numbers.signed(self.random)
        choice = self.random.choice(PRICES)
        return choice if self.random.chance(0.5) or choice.startswith("-") else PRICES[0]

    def fee(self) -> str:
        if self.huge and self.random.chance(0.4):
            return self.random.choice(("", "-")) + self.random.choice(numbers.HUGE)
        return numbers.signed(self.random) if self.wide else self.random.choice(FEES)

    def order(self) -> tuple[Expression, Placed]:
        random = self.random
        name = f"x{self.count}"
        self.count += 1
        placed = Placed(
            name,
            domain.account(random),
            random.choice(INSTRUMENTS),
            random.choice(("buy", "sell")),
            self.size(),
            None if random.chance(0.25) else self.price(),
        )
        kind = "quantity" if random.chance(0.8) else "volume"
        gap = random.choice((None, None, None, "side", "account_id", "trade_amount"))
        named: dict[str, Expression] = {
            "instrument": call("Instrument", *placed.instrument),
            "side": placed.side,
            "trade_amount": call(f"param.TradeAmount.{kind}", placed.size),
            "account_id": placed.account,
            "price": placed.price,
        }
        if gap is not None and random.chance(0.06):
            named[gap] = None
        return call("Order", operation=call("OrderOperation", **named)), placed

    def place(self) -> None:
        random = self.random
        order, placed = self.order()
        form = random.random()
        if form < 0.72:
            self.add(on(v("e"), "execute_pre_trade", order), placed.name)
            handle = get(v(placed.name), "reservation")
        elif form < 0.86:
            self.add(on(v("e"), "apply_drop_copy", order), placed.name)
            handle = get(v(placed.name), "operation")
        else:
            method = random.choice(("execute_pre_trade_dry_run", "start_pre_trade_dry_run"))
            self.add(on(v("e"), method, order))
            return
        self.add(get(handle, "lock"), f"lock_{placed.name}")
        self.placed.append(placed)
        if random.chance(0.75):
            self.add(on(handle, "commit"))
        else:
            self.extend(finish(random, handle, placed.name))

    def report(self) -> None:
        random = self.random
        if not self.placed or random.chance(0.12):
            self.add(
                on(
                    v("e"),
                    "apply_execution_report",
                    domain.report(
                        random, gaps=0.05, filled=0.8, sizes=SIZES, prices=PRICES, fees=FEES
                    ),
                )
            )
            return
        placed = random.choice(self.placed[-4:])
        operation = call(
            "ExecutionReportOperation",
            instrument=call("Instrument", *placed.instrument),
            side=placed.side if random.chance(0.97) else random.choice(("buy", "sell", None)),
            account_id=placed.account,
        )
        named: dict[str, Expression] = {
            "remaining_reserved_quantity": self._remaining(placed),
            "is_final": random.chance(0.6),
            "lock": self._lock(placed),
        }
        if random.chance(0.85):
            near = placed.price if placed.price and random.chance(0.5) else self.price()
            size = placed.size if random.chance(0.5) else self.size()
            named["last_trade"] = call(
                "param.Trade",
                price=call("param.Price", near),
                quantity=call("param.Quantity", size),
            )
        if random.chance(0.25):
            currency = random.choice(("USD", "USD", "EUR", "AAPL", "MSFT"))
            named["fee"] = call("param.MonetaryAmount", call("param.Fee", self.fee()), currency)
        fill = call("ExecutionReportFillDetails", **named)
        self.add(
            on(
                v("e"),
                "apply_execution_report",
                call("ExecutionReport", operation=operation, fill=fill),
            )
        )

    def _remaining(self, placed: Placed) -> str | None:
        random = self.random
        if random.chance(0.02):
            return None
        return random.choice(("0", "0", placed.size, random.choice(REMAINING), self.size()))

    def _lock(self, placed: Placed) -> Expression:
        random = self.random
        if placed.price is None or random.chance(0.3):
            return v(f"lock_{placed.name}")
        if random.chance(0.04):
            return domain.lock(random, PRICES, self.group_id)
        return call("pretrade.Lock", many([["tuple", self.group_id, placed.price]]))

    def turn(self) -> None:
        random = self.random
        form = random.random()
        if form < 0.40:
            self.place()
        elif form < 0.72:
            self.report()
        elif form < 0.80:
            self.add(adjustments.batch(random))
        elif form < 0.88:
            self.add(policies.reconfiguration(random, ("spot",)))
        elif form < 0.93:
            self.add(self._push())
        elif form < 0.96:
            self.add(on(domain.accounts(), "unblock", domain.account(random)))
        else:
            self.add(accounts.operation(random))


HOUR = 3_600_000_000


def quote(random: Draw) -> Expression:
    prices = ("50", "49", "51", "1.1", "0.9", "0", "-2", "100", "79228162514264337593543950335")
    named = {
        side: random.choice(prices[:5] if random.chance(0.85) else prices)
        for side, share in (("mark", 0.85), ("bid", 0.5), ("ask", 0.5))
        if random.chance(share)
    }
    return call("marketdata.Quote", **named)


def generate(random: Draw) -> Scenario:
    desk = Desk(random)
    with random.dialled(0.01):
        desk.open()
        for _ in range(random.randint(10, 35)):
            random.turn()
            desk.turn()
    return desk.steps
