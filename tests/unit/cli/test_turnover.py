from __future__ import annotations

from decimal import Decimal

from openpit.cli.book import Account, TicketReport, new_ticket
from openpit.cli.turnover import Turnover
from openpit.core.order import Order
from openpit.param import AccountId, Side


def report(
    currency: str, trade: tuple[Decimal, Decimal] | None, fee: str, pnl: str
) -> TicketReport:
    account = Account(1, AccountId.from_int(1), 0)
    ticket = new_ticket(1, account, Order(), "AAPL", currency, Side.BUY, None)
    price, quantity = trade or (None, None)
    return TicketReport(
        ticket, price, quantity, Decimal(fee), Decimal(pnl), Decimal(0), is_final=True
    )


def trade(price: str, quantity: str) -> tuple[Decimal, Decimal]:
    return Decimal(price), Decimal(quantity)


def test_sums_by_currency_to_the_last_digit() -> None:
    turnover = Turnover()

    turnover.add(report("USD", trade("0.1", "3"), "0.02", "1.10"))
    turnover.add(report("USD", trade("12345678901234567890.5", "0.00000001"), "-0.01", "-2"))
    turnover.add(report("EUR", trade("-2", "5"), "0", "0"))
    turnover.add(report("EUR", None, "0", "0"))  # a cancel

    usd, eur = turnover.by_currency["USD"], turnover.by_currency["EUR"]
    assert (usd.fills, str(usd.traded)) == (2, "123456789012.645678905")
    assert (str(usd.fees), str(usd.pnl)) == ("0.01", "-0.90")
    assert (eur.fills, str(eur.traded)) == (1, "-10")


def test_what_shards_have_counted_adds_up_to_what_one_counts() -> None:
    reports = [
        report("USD", trade("0.10", "3"), "0.02", "1.10"),
        report("USD", trade("12345678901234567890.5", "0.00000001"), "-0.010", "-2"),
        report("EUR", trade("-2", "5"), "0", "0"),
    ]
    whole, first, second, merged = Turnover(), Turnover(), Turnover(), Turnover()
    for shard, each in zip((first, second, first), reports, strict=True):
        whole.add(each)
        shard.add(each)

    for part in (first, second):
        for currency, sums in part.by_currency.items():
            merged.merge(currency, sums)

    for currency, sums in whole.by_currency.items():
        found = merged.by_currency[currency]
        assert found.fills == sums.fills
        for name in ("traded", "fees", "pnl"):
            assert str(getattr(found, name)) == str(getattr(sums, name))
