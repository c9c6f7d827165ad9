"""The policies of the cookbook: each decides as its page says, on one engine and on shards."""

from __future__ import annotations

import random
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from link import link
from makers import Clock, account, deposit, reasons
from restored import RestoredStub, link_restored

import openpit
from openpit import param
from openpit.marketdata import Quote, QuoteTtl
from openpit.param import Side
from openpit.pretrade import Lock
from policies.duplicate_order import DuplicateOrder
from policies.fat_finger import FatFinger
from policies.notional_per_minute import NotionalPerMinute
from policies.price_collar import PriceCollar
from policies.sector_exposure import SectorExposure
from policies.short_sale_locate import ShortSaleLocate
from policies.trading_hours import TradingHours, time_of_day
from policies.wash_trade import NamedOrder, NamedReport, WashTrade

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400
MONDAY = 19_730 * DAY  # 8 January 2024, midnight UTC


class Desk:
    """A policy on an engine of some kind, with a clock and quotes that the test moves."""

    def __init__(self, make: Callable[[Any], Any], kind: str) -> None:
        self.clock = Clock(MONDAY * 1_000_000_000)
        builder = openpit.Engine.builder().clock(self.clock)
        stage: Any = builder.sharded(shards=int(kind[0])) if "shard" in kind else builder.no_sync()
        self.quotes = stage.market_data(QuoteTtl.within(timedelta(seconds=5))).build()
        self.policy = make(self.quotes)
        built = stage.pre_trade(self.policy)
        if kind == "one engine":
            self.engine = built.build()
        else:
            self.engine = (link_restored if "begun anew" in kind else link)(built)
        self.sent = 0

    def order(
        self, quantity: object, price: object = "100", *, of: int = 7, side: Side = Side.BUY,
        symbol: str = "AAPL", volume: bool = False,
    ) -> NamedOrder:  # fmt: skip
        self.sent += 1
        amount = param.TradeAmount.volume if volume else param.TradeAmount.quantity
        return NamedOrder(
            f"o{self.sent}",
            openpit.OrderOperation(
                instrument=openpit.Instrument(symbol, "USD"),
                account_id=account(of),
                side=side,
                trade_amount=amount(str(quantity)),
                price=None if price is None else param.Price(str(price)),
            ),
        )

    def report(
        self, order: NamedOrder, traded: object, left: object, *, final: bool | None = None
    ) -> NamedReport:
        operation = order.operation
        assert operation is not None
        last = None
        if traded:
            price = operation.price or param.Price("100")
            last = param.Trade(price=price, quantity=param.Quantity(str(traded)))
        return NamedReport(
            order.order_id,
            openpit.ExecutionReportOperation(
                instrument=operation.instrument,
                side=operation.side or Side.BUY,
                account_id=operation.account_id or account(7),
            ),
            openpit.ExecutionReportFillDetails(
                last_trade=last,
                remaining_reserved_quantity=param.Quantity(str(left)),
                lock=Lock(),
                is_final=str(left) == "0" if final is None else final,
            ),
        )

    def send(self, *arguments: Any, **named: Any) -> NamedOrder:
        """An order that has to pass, and rests at its venue."""
        order = self.order(*arguments, **named)
        result = self.engine.execute_pre_trade(order)
        assert reasons(result) == []
        result.reservation.commit()
        return order

    def told(self, *arguments: Any, **named: Any) -> str:
        """What is said of an order that does not go on: nothing, or why not and the figures.

        A dry run has to say the same before, and change nothing.
        """
        order = self.order(*arguments, **named)
        dry = self.engine.execute_pre_trade_dry_run(order)
        result = self.engine.execute_pre_trade(order)
        assert reasons(dry) == reasons(result)
        if result:
            result.reservation.rollback()
            return ""
        (reject,) = result.rejects
        return f"{reject.code}: {reject.reason}, {reject.details}"


KINDS = ("one engine", "1 shard", "3 shards", "2 shards begun anew")


@pytest.fixture(params=KINDS)
def on(request: pytest.FixtureRequest) -> Callable[[Callable[[Any], Any]], Desk]:
    return lambda make: Desk(make, request.param)


def sectors(_quotes: Any = None) -> SectorExposure:
    return SectorExposure(
        {"AAPL": ("tech", "100"), "NVDA": ("tech", "50"), "XOM": ("energy", "10")},
        {"tech": "10000"},
    )


def test_a_sector_is_full_with_what_is_held_and_what_is_at_work(on: Any) -> None:
    desk = on(sectors)
    first = desk.send(60)  # 6,000
    assert desk.told(81, symbol="NVDA") == (
        "ConcentrationLimitExceeded: sector exposure exceeded, tech: 10050 of 10000"
    )
    assert desk.told(80, symbol="NVDA") == ""
    assert desk.told(80, symbol="NVDA") == ""  # what was rolled back has left nothing
    assert desk.told(1_000_000, symbol="XOM") == ""  # has no limit
    assert desk.told(81, symbol="NVDA", of=8) == ""  # another account's

    desk.engine.apply_execution_report(desk.report(first, 20, 40))
    assert desk.told(41) == (
        "ConcentrationLimitExceeded: sector exposure exceeded, tech: 10100 of 10000"
    )
    desk.engine.apply_execution_report(desk.report(first, 0, 40, final=True))  # 20 held
    assert desk.told(80) == ""
    sale = desk.send(20, side=Side.SELL)
    desk.engine.apply_execution_report(desk.report(sale, 20, 0))
    assert desk.told(100) == ""
    assert desk.told(101, side=Side.SELL) == (
        "ConcentrationLimitExceeded: sector exposure exceeded, tech: 10100 of 10000"
    )


def test_what_lowers_the_exposure_passes_also_beyond_the_limit(on: Any) -> None:
    desk = on(sectors)
    copied = desk.order(150)
    recorded = desk.engine.apply_drop_copy(copied)
    recorded.operation.commit()  # the venue has it: it counts, whatever the limit
    desk.engine.apply_execution_report(desk.report(copied, 150, 0))
    assert desk.told(1).startswith("ConcentrationLimitExceeded")
    assert desk.told(100, side=Side.SELL) == ""


def test_a_sector_wants_a_symbol_it_knows_and_a_quantity(on: Any) -> None:
    desk = on(sectors)
    assert desk.told(1, symbol="MSFT") == ("ReferenceDataUnavailable: symbol has no sector, MSFT")
    assert desk.told(1, volume=True) == (
        "OrderValueCalculationFailed: exposure takes a quantity, AAPL"
    )


def test_an_account_does_not_meet_itself(on: Any) -> None:
    desk = on(lambda _: WashTrade())
    sale = desk.send(10, "101", side=Side.SELL)
    assert desk.told(5, "101") == (
        "WashTradePrevention: order would meet one of its own account, o2 meets o1"
    )
    assert desk.told(5, None).startswith("WashTradePrevention")
    assert desk.told(5, "100.99") == ""
    assert desk.told(5, "101", of=8) == ""
    assert desk.told(5, "101", symbol="NVDA") == ""
    assert desk.told(5, "90", side=Side.SELL) == ""

    desk.engine.apply_execution_report(desk.report(sale, 4, 6))
    assert desk.told(5, "101").startswith("WashTradePrevention")
    desk.engine.apply_execution_report(desk.report(sale, 0, 6, final=True))
    assert desk.told(5, "101") == ""


def test_an_id_is_one_orders_while_that_is_at_work(on: Any) -> None:
    desk = on(lambda _: WashTrade())
    sale = desk.send(10, "101", side=Side.SELL)
    desk.sent = 0
    assert desk.told(1, "102", side=Side.SELL) == (
        "DuplicateClientOrderId: order id is at work, o1"
    )
    desk.engine.apply_execution_report(desk.report(sale, 10, 0))
    desk.sent = 0
    assert desk.told(1, "102", side=Side.SELL) == ""


def test_an_order_without_an_id_cannot_be_followed(on: Any) -> None:
    desk = on(lambda _: WashTrade())
    result = desk.engine.execute_pre_trade(openpit.Order(operation=desk.order(1).operation))
    assert [reject.code for reject in result.rejects] == ["MissingRequiredField"]


def test_the_same_order_passes_once_within_a_second(on: Any) -> None:
    desk = on(lambda _: DuplicateOrder(within=timedelta(seconds=1)))
    desk.send(10)
    desk.clock.move(0.25)
    assert desk.told("10.0") == "Custom: same order again, 250 ms after the first"
    assert desk.told(11) == ""
    assert desk.told(11) == ""  # the one before was rolled back
    assert desk.told(10, "100.5") == ""
    assert desk.told(10, side=Side.SELL) == ""
    assert desk.told(10, volume=True) == ""
    assert desk.told(10, of=8) == ""
    desk.clock.move(0.75)
    assert desk.told(10) == ""


def test_a_minute_has_room_for_so_much(on: Any) -> None:
    desk = on(lambda _: NotionalPerMinute("10000"))
    desk.send(60)  # 6,000
    desk.clock.move(30)
    assert desk.told("40.01") == (
        "RiskLimitExceeded: notional per minute exceeded, USD: 10001.00 of 10000"
    )
    assert desk.told(40) == ""
    desk.send(4000, volume=True)
    assert desk.told("0.01", volume=True).startswith("RiskLimitExceeded")
    assert desk.told(100, of=8) == ""
    desk.clock.move(29.999)
    assert desk.told(60).startswith("RiskLimitExceeded")
    desk.clock.move(0.001)
    assert desk.told(60) == ""
    assert desk.told(1, None) == "OrderValueCalculationFailed: order cannot be valued, no price"


def hours(_quotes: Any = None) -> TradingHours:
    return TradingHours(opens=time(9, 30), closes=time(16, 0))


def test_a_market_has_its_hours(on: Any) -> None:
    desk = on(hours)
    assert desk.told(1) == (
        "ExchangeClosed: outside trading hours, 00:00:00: 09:30:00 to 16:00:00 UTC"
    )
    desk.clock.move(9.5 * 3600 - 1e-9)
    assert desk.told(1).startswith("ExchangeClosed: outside trading hours, 09:29:59")
    desk.clock.move(1e-9)
    assert desk.told(1) == ""
    desk.clock.move(6.5 * 3600)
    assert desk.told(1).startswith("ExchangeClosed: outside trading hours, 16:00:00")
    desk.clock.move(4.75 * DAY)  # Saturday, 10:00
    assert desk.told(1).startswith("ExchangeClosed: outside trading hours, 10:00:00")


def test_hours_over_midnight_belong_to_the_day_that_they_began_on(on: Any) -> None:
    desk = on(lambda _: TradingHours(opens=time(22, 0), closes=time(5, 0)))
    desk.clock.move(3600)
    assert desk.told(1).startswith("ExchangeClosed")  # of Sunday's
    desk.clock.move(22 * 3600)
    assert desk.told(1) == ""  # Monday, 23:00
    desk.clock.move(4 * DAY + 4 * 3600)
    assert desk.told(1) == ""  # Saturday, 03:00: Friday's
    desk.clock.move(20 * 3600)
    assert desk.told(1).startswith("ExchangeClosed")


def test_the_clock_of_the_day_is_in_this_century_and_goes_on() -> None:
    clock = time_of_day()
    first = clock()
    assert 1_700_000_000 < first / 1_000_000_000 < 4_000_000_000
    assert clock() >= first


def test_a_short_sale_takes_a_locate(on: Any) -> None:
    desk = on(lambda _: ShortSaleLocate({(7, "AAPL"): "100"}))
    assert desk.told(1, side=Side.SELL, of=8) == (
        "ShortSaleRestriction: sale needs a locate, AAPL: 1 of 0"
    )
    desk.engine.apply_account_adjustment(account(7), [deposit("AAPL", "50")])
    sale = desk.send(120, side=Side.SELL)
    assert desk.told(31, side=Side.SELL) == (
        "ShortSaleRestriction: sale needs a locate, AAPL: 31 of 30"
    )
    assert desk.told(30, side=Side.SELL) == ""
    desk.engine.apply_execution_report(desk.report(sale, 100, 20))
    assert desk.told(31, side=Side.SELL).endswith("31 of 30")
    desk.engine.apply_execution_report(desk.report(sale, 0, 20, final=True))
    assert desk.told(51, side=Side.SELL).endswith("51 of 50")
    bought = desk.send(10)
    desk.engine.apply_execution_report(desk.report(bought, 10, 0))
    assert desk.told(61, side=Side.SELL).endswith("61 of 60")
    assert desk.told(60, side=Side.SELL) == ""


def test_a_batch_that_is_refused_leaves_positions_as_they_were(on: Any) -> None:
    desk = on(lambda _: ShortSaleLocate({}))
    wrong = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset="AAPL"),
        amount=openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.absolute("40")),
    )
    assert desk.engine.apply_account_adjustment(account(7), [deposit("AAPL", "5"), wrong]).ok
    assert desk.told(41, side=Side.SELL).endswith("41 of 40")


def collar(_quotes: Any = None) -> PriceCollar:
    return PriceCollar({"AAPL": "200", "WTI": "-10"}, percent="5")


@pytest.mark.parametrize(
    ("symbol", "price", "said"),
    [
        ("AAPL", "210", ""),
        ("AAPL", "190", ""),
        ("AAPL", None, ""),
        ("AAPL", "210.01", "InvalidFieldValue: price outside its band, 210.01: 190.00 to 210.00"),
        ("AAPL", "189.99", "InvalidFieldValue: price outside its band, 189.99: 190.00 to 210.00"),
        ("WTI", "-10.5", ""),
        ("WTI", "-9.4", "InvalidFieldValue: price outside its band, -9.4: -10.50 to -9.50"),
        ("NVDA", "1", "ReferenceDataUnavailable: symbol has no close, NVDA"),
    ],
)
def test_a_price_is_within_its_band(on: Any, symbol: str, price: str | None, said: str) -> None:
    assert on(collar).told(1, price, symbol=symbol) == said


def fat_finger(quotes: Any) -> FatFinger:
    quotes.register(openpit.Instrument("AAPL", "USD"))
    return FatFinger(quotes, most="100000", percent="10")


@pytest.mark.parametrize("kind", ["one engine", "3 shards"])
def test_an_order_is_judged_by_the_last_price(kind: str) -> None:
    desk = Desk(fat_finger, kind)
    number = desk.quotes.resolve(openpit.Instrument("AAPL", "USD"))
    assert desk.told(1) == "MarkPriceUnavailable: no last price, AAPL"
    desk.quotes.push(number, Quote(mark="200"), timedelta())
    assert desk.told(500, "200") == ""
    assert desk.told("500.01", "200") == (
        "OrderNotionalExceedsLimit: order is worth too much, 100002.00 of 100000"
    )
    assert desk.told(100_001, None, volume=True).startswith("OrderNotionalExceedsLimit")
    assert desk.told(1, "220") == ""
    assert desk.told(1, "220.01") == "InvalidFieldValue: price too far away, 220.01, last 200"
    assert desk.told(1, "179.99", side=Side.SELL).startswith("InvalidFieldValue")
    assert desk.told(1, "1000", side=Side.SELL) == ""
    assert desk.told(1, symbol="NVDA") == "MarkPriceUnavailable: no last price, NVDA"
    desk.clock.move(5)
    assert desk.told(1) == "MarkPriceUnavailable: no last price, AAPL"  # too old


MAKERS: dict[str, Callable[[Any], Any]] = {
    "sector exposure": sectors,
    "wash trade": lambda _: WashTrade(),
    "duplicate order": lambda _: DuplicateOrder(within=timedelta(seconds=2)),
    "price collar": collar,
    "notional per minute": lambda _: NotionalPerMinute("9000"),
    "trading hours": hours,
    "short-sale locate": lambda _: ShortSaleLocate(
        {(number, "AAPL"): str(10 * number) for number in range(6)}
    ),
    "fat finger": fat_finger,
}


def flow(desk: Desk, seed: int) -> list[object]:
    """What a random day is told: orders that go on, or not, drop copies, dry runs, reports."""
    chance = random.Random(seed)
    desk.clock.move(9.5 * 3600)
    told: list[object] = []
    at_work: list[tuple[NamedOrder, int]] = []
    for step in range(120):
        if chance.random() < 0.3:
            desk.clock.move(chance.choice([0.5, 3, 20, 600]))
        if step % 10 == 0:
            mark = Quote(mark=str(chance.randint(95, 105)))
            desk.quotes.push_by_instrument(
                openpit.Instrument("AAPL", "USD"), mark, timedelta(seconds=chance.choice([0, 4]))
            )
        if at_work and chance.random() < 0.35:
            order, left = at_work.pop(chance.randrange(len(at_work)))
            traded = chance.randint(0, left)
            final = chance.random() < 0.5 or traded == left
            told.append(
                repr(
                    desk.engine.apply_execution_report(
                        desk.report(order, traded, left - traded, final=final)
                    )
                )
            )
            if not final:
                at_work.append((order, left - traded))
            continue
        quantity = chance.choice([1, 5, 20, 60])
        order = desk.order(
            quantity,
            chance.choice([None, "94", "99", "101", "107"]),
            of=chance.randint(1, 5),
            side=chance.choice([Side.BUY, Side.SELL]),
            symbol=chance.choice(["AAPL", "AAPL", "NVDA"]),
        )
        way = chance.random()
        if way < 0.15:
            told.append(reasons(desk.engine.execute_pre_trade_dry_run(order)))
            continue
        if way < 0.25:
            copied = desk.engine.apply_drop_copy(order)
            told.append((copied.ok, reasons(copied)))
            held = copied.operation
        else:
            result = desk.engine.execute_pre_trade(order)
            told.append([(reject.code, reject.reason, reject.details) for reject in result.rejects])
            held = result.reservation
        if held is None:
            continue
        if chance.random() < 0.2:
            held.rollback()
        else:
            held.commit()
            at_work.append((order, quantity))
    return told


@pytest.mark.parametrize("name", MAKERS)
def test_shards_tell_what_one_engine_tells(name: str) -> None:
    for seed in (1, 2):
        one = flow(Desk(MAKERS[name], "one engine"), seed)
        for kind in ("2 shards", "5 shards"):
            assert flow(Desk(MAKERS[name], kind), seed) == one, (kind, seed)
        assert any(each and each != "" for each in one)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "fat finger"])
def test_a_state_that_was_written_down_tells_the_same(name: str) -> None:
    one = flow(Desk(MAKERS[name], "one engine"), 3)
    before = RestoredStub.restored
    assert flow(Desk(MAKERS[name], "2 shards begun anew"), 3) == one
    assert RestoredStub.restored > before + 50
