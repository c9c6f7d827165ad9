from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openpit.cli.book import Book, Ticket, TicketReport
from openpit.cli.events import BadEventError, Cancel, Fill, OrderPlaced
from openpit.core.lock import Lock
from openpit.param.enums import Side
from openpit.param.ids import AccountId
from openpit.param.values import Fee, Pnl, Price, Quantity

if TYPE_CHECKING:
    from openpit.cli.events import Number


def placed(
    key: int = 7,
    *,
    account: int | str = 42,
    quantity: Number | None = "10",
    volume: Number | None = None,
    price: Number | None = "100",
) -> OrderPlaced:
    return OrderPlaced(key, account, "AAPL", "USD", "BUY", quantity, volume, price)


def fill(quantity: Number, price: Number = "99", **extra: Number) -> Fill:
    return Fill(7, quantity, price, **extra)


def cancel(quantity: Number | None = None) -> Cancel:
    return Cancel(7, quantity)


@pytest.fixture
def book() -> Book:
    return Book(lambda account_id: account_id.value % 4)


@pytest.fixture
def ticket(book: Book) -> Ticket:
    return book.place(placed())


def reported(report: TicketReport | None) -> tuple[str, bool]:
    assert report is not None
    return str(report.remaining), report.is_final


def test_an_order_as_the_engine_gets_it(ticket: Ticket) -> None:
    operation = ticket.order.operation

    assert operation is not None
    assert (operation.instrument.underlying_asset, operation.instrument.settlement_asset) == (
        "AAPL",
        "USD",
    )
    assert operation.account_id == AccountId.from_int(42)
    assert operation.side is Side.BUY
    assert operation.trade_amount.as_quantity == Quantity("10")
    assert operation.price == Price("100")


def test_an_order_by_volume_without_a_price(book: Book) -> None:
    ticket = book.place(placed(quantity=None, volume="1000", price=None))

    assert ticket.order.operation.trade_amount.is_volume
    assert ticket.order.operation.price is None


def test_an_account_is_opened_once_in_the_shard_that_is_told(book: Book) -> None:
    first, second = book.place(placed(1)), book.place(placed(2))
    named = book.place(placed(3, account="desk"))

    assert first.account is second.account
    assert first.account.shard == 2
    assert named.account.id == AccountId.from_string("desk")
    assert len(book.accounts) == 2


def test_fills_lower_what_remains_and_the_last_one_is_final(book: Book, ticket: Ticket) -> None:
    assert reported(book.fill(fill("4"))) == ("6", False)
    assert reported(book.fill(fill("6"))) == ("0", True)


def test_a_cancel_releases_what_remains(book: Book, ticket: Ticket) -> None:
    book.fill(fill("4"))

    assert reported(book.cancel(cancel())) == ("6", True)


def test_a_partial_cancel_is_released_with_the_last_report(book: Book, ticket: Ticket) -> None:
    assert reported(book.cancel(cancel("3"))) == ("10", False)
    assert reported(book.fill(fill("5"))) == ("5", False)
    assert reported(book.fill(fill("2"))) == ("3", True)


def test_partial_cancels_that_leave_nothing_end_the_order(book: Book, ticket: Ticket) -> None:
    book.cancel(cancel("3"))

    assert reported(book.cancel(cancel("7"))) == ("10", True)


def test_what_is_open_of_an_order_by_volume_follows_from_its_price(book: Book) -> None:
    book.place(placed(quantity=None, volume="1000", price="100"))

    assert reported(book.fill(fill("4"))) == ("6", False)


def test_a_report_as_the_engine_gets_it(book: Book, ticket: Ticket) -> None:
    report = book.fill(fill("4", fee="0.02", pnl="-1.50"))
    assert report is not None
    ticket.lock = Lock([(0, "100")])

    sent = report.execution_report()

    assert sent.operation.account_id == AccountId.from_int(42)
    assert sent.operation.side is Side.BUY
    assert (sent.financial_impact.pnl, sent.financial_impact.fee) == (Pnl("-1.50"), Fee("0.02"))
    assert sent.fill.last_trade.price == Price("99")
    assert sent.fill.last_trade.quantity == Quantity("4")
    assert (sent.fill.fee.amount, sent.fill.fee.currency) == (Fee("0.02"), "USD")
    assert sent.fill.remaining_reserved_quantity == Quantity("6")
    assert sent.fill.is_final is False
    assert sent.fill.lock == Lock([(0, "100")])


def test_a_cancels_report_has_no_trade_and_costs_nothing(book: Book, ticket: Ticket) -> None:
    report = book.cancel(cancel())
    assert report is not None

    sent = report.execution_report()

    assert sent.fill.last_trade is None
    assert sent.fill.fee is None
    assert (sent.financial_impact.pnl, sent.financial_impact.fee) == (Pnl("0"), Fee("0"))
    assert sent.fill.is_final is True
    assert len(sent.fill.lock) == 0


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (fill("10.5"), "fill of 10.5, but 10 of order 7 is open"),
        (cancel("11"), "cancel of 11, but 10 of order 7 is open"),
        (fill("x"), "invalid format for Quantity: 'x'"),
        (fill("1", "y"), "invalid format for Price: 'y'"),
        (fill("1", fee="z"), "invalid format for Fee: 'z'"),
        (fill("-1"), "value must be non-negative for Quantity"),
        (cancel("-1"), "value must be non-negative for Quantity"),
    ],
)
def test_a_fill_or_cancel_that_makes_no_sense_changes_nothing(
    book: Book, ticket: Ticket, event: Fill | Cancel, reason: str
) -> None:
    with pytest.raises(BadEventError) as caught:
        book.fill(event) if isinstance(event, Fill) else book.cancel(event)

    assert str(caught.value) == reason
    assert reported(book.cancel(cancel())) == ("10", True)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (placed(), "order 7 was placed before"),
        (placed(8, quantity="-1"), "value must be non-negative for Quantity"),
        (placed(8, price="1e5"), "invalid format for Price: '1e5'"),
        (placed(8, quantity=None, volume="-2"), "value must be non-negative for Volume"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_placed(
    book: Book, ticket: Ticket, event: OrderPlaced, reason: str
) -> None:
    with pytest.raises(BadEventError) as caught:
        book.place(event)

    assert str(caught.value) == reason
    assert book.cancel(Cancel(8)) is None


def test_an_order_of_unknown_size_takes_no_fill(book: Book) -> None:
    book.place(placed(quantity=None, volume="1000", price=None))

    with pytest.raises(BadEventError) as caught:
        book.fill(fill("1"))
    assert str(caught.value) == (
        "order 7 is by volume without a price: what is open of it is not known"
    )


def test_events_of_orders_that_are_not_there_are_counted_by_reason(book: Book) -> None:
    book.fill(fill("1"))
    book.cancel(cancel())
    rejected = book.place(placed())
    book.decided(rejected, accepted=False)
    book.fill(fill("1"))
    finished = book.place(placed(8))
    book.cancel(Cancel(8))
    book.decided(finished, accepted=True)
    book.cancel(Cancel(8))

    assert book.skipped == {
        "order not placed in the flow before": 2,
        "order rejected by the engine": 1,
        "order finished before": 1,
    }
