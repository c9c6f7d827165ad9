"""The orders of a flow as a replay knows them: what is left of each, and whose they are.

Turns events into the engine's orders and execution reports. An event that makes no sense for its
order (more filled than is left, a price that is none) raises :class:`BadEventError`; one about an
order that the flow has not placed, or that the engine rejected, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from openpit.core.instrument import Instrument
from openpit.core.lock import Lock
from openpit.core.order import Order, OrderOperation
from openpit.core.report import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    FinancialImpact,
)
from openpit.param.amounts import MonetaryAmount, Trade, TradeAmount
from openpit.param.enums import Side
from openpit.param.ids import AccountId, Asset
from openpit.param.values import Fee, Pnl, Price, Quantity, Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.events import Cancel, Fill, OrderPlaced

__all__ = [
    "FINISHED",
    "REJECTED",
    "UNKNOWN",
    "Account",
    "BadEventError",
    "Book",
    "Ticket",
    "TicketReport",
]

UNKNOWN = "order not placed in the flow before"
REJECTED = "order rejected by the engine"
FINISHED = "order finished before"

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
SHOWN = 120
"""Characters of a reason that are told: it quotes the value, which may be a line long."""

_NO_FEE = Fee("0")
_NO_PNL = Pnl("0")


class BadEventError(Exception):
    """An event that cannot be applied; the text says why."""


class Account:
    """An account of the flow, and the shard that its orders go to."""

    __slots__ = ("blocked", "id", "shard")

    def __init__(self, account_id: AccountId, shard: int) -> None:
        self.id = account_id
        self.shard = shard
        self.blocked = False


class Ticket:
    """One order of the flow.

    ``open`` is what the venue may still fill, ``reserved`` what the engine holds for it: a partial
    cancel lowers only the first, for the engine releases nothing before an order's last report.
    ``accepted`` is None until the engine has answered.
    """

    __slots__ = ("accepted", "account", "key", "lock", "open", "operation", "order", "reserved")

    def __init__(
        self,
        key: int | str,
        account: Account,
        order: Order,
        operation: ExecutionReportOperation,
        size: Quantity | None,
    ) -> None:
        self.key = key
        self.account = account
        self.order = order
        self.operation = operation
        self.open = size
        self.reserved = size
        self.accepted: bool | None = None
        self.lock: Lock | None = None


class TicketReport:
    """A fill or a cancel of a ticket, to be reported once the engine has accepted the order."""

    __slots__ = ("fee", "is_final", "pnl", "remaining", "ticket", "trade")

    def __init__(
        self,
        ticket: Ticket,
        trade: Trade | None,
        fee: Fee,
        pnl: Pnl,
        remaining: Quantity,
        is_final: bool,  # noqa: FBT001 - a field like the others
    ) -> None:
        self.ticket = ticket
        self.trade = trade
        self.fee = fee
        self.pnl = pnl
        self.remaining = remaining
        self.is_final = is_final

    def execution_report(self) -> ExecutionReport:
        """Return the engine's report; its lock is the one that the reservation had."""
        ticket = self.ticket
        fee = None
        if self.fee:
            currency = ticket.operation.instrument.settlement_asset
            fee = MonetaryAmount(self.fee, currency)
        return ExecutionReport(
            operation=ticket.operation,
            financial_impact=FinancialImpact(pnl=self.pnl, fee=self.fee),
            fill=ExecutionReportFillDetails(
                last_trade=self.trade,
                fee=fee,
                remaining_reserved_quantity=self.remaining,
                lock=ticket.lock or Lock(),
                is_final=self.is_final,
            ),
        )


class Book:
    """All orders and accounts of a flow so far.

    ``shard_of`` tells an account's shard. ``skipped`` counts the events that were left out, by
    reason. Memory grows with the number of orders: about 100 bytes for a finished one.
    """

    def __init__(self, shard_of: Callable[[AccountId], int]) -> None:
        self._shard_of = shard_of
        self._tickets: dict[int | str, Ticket | str] = {}
        self._instruments: dict[tuple[str, str], Instrument] = {}
        self.accounts: dict[int | str, Account] = {}
        self.skipped: Counter[str] = Counter()

    def place(self, event: OrderPlaced) -> Ticket:
        """Enter an order; :class:`BadEventError` if its values are none or its id is taken."""
        if event.key in self._tickets:
            raise BadEventError(f"order {event.key} was placed before")
        try:
            instrument = self._instrument(event.symbol, event.currency)
            price = None if event.price is None else Price(event.price)
            size: Quantity | None
            if event.quantity is not None:
                size = Quantity(event.quantity)
                amount = TradeAmount.quantity(size)
            else:
                volume = Volume(event.volume)  # type: ignore[arg-type]  # set where quantity is not
                size = None if price is None else volume.calculate_quantity(price)
                amount = TradeAmount.volume(volume)
            side = _SIDES[event.side]
            account = self.accounts.get(event.account)
            if account is None:
                account = self._open_account(event.account)
            order = Order(
                operation=OrderOperation(
                    instrument=instrument,
                    account_id=account.id,
                    side=side,
                    trade_amount=amount,
                    price=price,
                )
            )
        except ValueError as error:
            raise BadEventError(_shortened(str(error))) from None
        operation = ExecutionReportOperation(
            instrument=instrument, side=side, account_id=account.id
        )
        ticket = Ticket(event.key, account, order, operation, size)
        self._tickets[event.key] = ticket
        return ticket

    def fill(self, event: Fill) -> TicketReport | None:
        """Take a trade off its order; None if the event is left out."""
        ticket = self._working(event.key)
        if ticket is None:
            return None
        try:
            quantity = Quantity(event.quantity)
            trade = Trade(price=Price(event.price), quantity=quantity)
            fee = _NO_FEE if event.fee is None else Fee(event.fee)
            pnl = _NO_PNL if event.pnl is None else Pnl(event.pnl)
        except ValueError as error:
            raise BadEventError(_shortened(str(error))) from None
        opened, reserved = _sizes(ticket)
        if quantity > opened:
            raise BadEventError(f"fill of {quantity}, but {opened} of order {ticket.key} is open")
        ticket.open = opened = opened - quantity
        ticket.reserved = reserved = reserved - quantity
        return self._report(ticket, trade, fee, pnl, reserved, is_final=not opened)

    def cancel(self, event: Cancel) -> TicketReport | None:
        """Take an order, or a part of it, back; None if the event is left out."""
        ticket = self._working(event.key)
        if ticket is None:
            return None
        opened, reserved = _sizes(ticket)
        try:
            quantity = opened if event.quantity is None else Quantity(event.quantity)
        except ValueError as error:
            raise BadEventError(_shortened(str(error))) from None
        if quantity > opened:
            raise BadEventError(f"cancel of {quantity}, but {opened} of order {ticket.key} is open")
        ticket.open = opened = opened - quantity
        return self._report(ticket, None, _NO_FEE, _NO_PNL, reserved, is_final=not opened)

    def decided(self, ticket: Ticket, *, accepted: bool) -> None:
        """Note the engine's answer; a rejected order takes no reports any more."""
        ticket.accepted = accepted
        if not accepted:
            self._tickets[ticket.key] = REJECTED

    def _working(self, key: int | str) -> Ticket | None:
        ticket = self._tickets.get(key, UNKNOWN)
        if ticket.__class__ is str:
            self.skipped[ticket] += 1
            return None
        return ticket  # type: ignore[return-value]  # a text stands for an order that is gone

    def _report(
        self,
        ticket: Ticket,
        trade: Trade | None,
        fee: Fee,
        pnl: Pnl,
        remaining: Quantity,
        *,
        is_final: bool,
    ) -> TicketReport:
        if is_final:
            self._tickets[ticket.key] = FINISHED
        return TicketReport(ticket, trade, fee, pnl, remaining, is_final)

    def _open_account(self, name: int | str) -> Account:
        account_id = (
            AccountId.from_int(name) if isinstance(name, int) else AccountId.from_string(name)
        )
        account = self.accounts[name] = Account(account_id, self._shard_of(account_id))
        return account

    def _instrument(self, symbol: str, currency: str) -> Instrument:
        instrument = self._instruments.get((symbol, currency))
        if instrument is None:
            instrument = self._instruments[symbol, currency] = Instrument(
                Asset(symbol), Asset(currency)
            )
        return instrument


def _shortened(reason: str) -> str:
    return reason if len(reason) <= SHOWN else f"{reason[: SHOWN - 3]}..."


def _sizes(ticket: Ticket) -> tuple[Quantity, Quantity]:
    if ticket.open is None or ticket.reserved is None:
        raise BadEventError(
            f"order {ticket.key} is by volume without a price: what is open of it is not known"
        )
    return ticket.open, ticket.reserved
