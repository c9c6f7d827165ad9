"""The orders of a flow as a replay knows them: what is left of each, and whose they are.

Turns events into the engine's orders and execution reports. An event that makes no sense for its
order (more filled than is left, a price that is none) raises :class:`BadEventError`; one about an
order that the flow has not placed, or that the engine rejected, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from openpit.cli.decisions import quoted
from openpit.cli.events import BadEventError
from openpit.core.fill import new_execution_report_fill_details
from openpit.core.instrument import Instrument
from openpit.core.lock import Lock
from openpit.core.order import new_order
from openpit.core.report import new_execution_report
from openpit.param.decimals import plain, subtract
from openpit.param.enums import Side
from openpit.param.fixed_decimal import decimal_of
from openpit.param.ids import AccountId, Asset
from openpit.param.remembered import known
from openpit.param.values import Fee, Pnl, Price, Quantity, Volume, new_price, new_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from openpit.cli.events import Cancel, Fill, Number, OrderPlaced
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.param.fixed_decimal import FixedDecimal

__all__ = [
    "FINISHED",
    "REJECTED",
    "UNKNOWN",
    "Account",
    "Book",
    "Ticket",
    "TicketReport",
    "new_ticket",
]

UNKNOWN = "order not placed in the flow before"
REJECTED = "order rejected by the engine"
FINISHED = "order finished before"

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
SHOWN = 120
"""Characters of a reason that are told: it quotes the value, which may be a line long."""

_new = object.__new__

_ZERO = decimal_of(Pnl("0"))

_NO_LOCK = Lock()
"""Of orders that hold no price. Reports share it: nobody but the engine, which reads, gets them."""


class Account:
    """An account of the flow, and the shard that its orders go to.

    ``name`` is the flow's, as JSON writes it.
    """

    __slots__ = ("blocked", "id", "name", "shard", "value")

    def __init__(self, name: int | str, account_id: AccountId, shard: int) -> None:
        self.name = quoted(name)
        self.id = account_id
        self.value = account_id.value
        self.shard = shard
        self.blocked = False


class Ticket:
    """One order of the flow.

    ``open`` is what the venue may still fill, ``reserved`` what the engine holds for it: a partial
    cancel lowers only the first, for the engine releases nothing before an order's last report.
    Both are None of an order by volume at no price. ``accepted`` is None until the engine has
    answered.
    """

    __slots__ = (
        "accepted",
        "account",
        "key",
        "lock",
        "open",
        "order",
        "reserved",
        "settlement",
        "side",
        "underlying",
    )

    key: int | str
    account: Account
    order: Order | None
    """Kept until the engine has answered."""
    underlying: str
    settlement: str
    side: Side
    open: Decimal | None
    reserved: Decimal | None
    accepted: bool | None
    lock: Lock
    """The prices that the reservation held."""


def new_ticket(
    key: int | str,
    account: Account,
    order: Order,
    underlying: str,
    settlement: str,
    side: Side,
    size: Decimal | None,
) -> Ticket:
    """Return an order's; a function costs half of what the class's own call would."""
    self: Ticket = _new(Ticket)
    self.key = key
    self.account = account
    self.order = order
    self.underlying = underlying
    self.settlement = settlement
    self.side = side
    self.open = self.reserved = size
    self.accepted = None
    self.lock = _NO_LOCK
    return self


class TicketReport(Struct, gc=False):
    """A fill or a cancel of a ticket, to be reported once the engine has accepted the order.

    A cancel has no ``price`` and no ``quantity``.
    """

    ticket: Ticket
    price: Decimal | None
    quantity: Decimal | None
    fee: Decimal
    pnl: Decimal
    remaining: Decimal
    is_final: bool

    def execution_report(self) -> ExecutionReport:
        """Return the engine's report; its lock is the one that the reservation had."""
        ticket = self.ticket
        fee = self.fee
        settlement = ticket.settlement
        has_fee = bool(fee)
        return new_execution_report(
            ticket.underlying,
            settlement,
            ticket.account.value,
            ticket.side,
            self.pnl,
            fee,
            new_execution_report_fill_details(
                self.price,
                self.quantity,
                fee if has_fee else None,
                settlement if has_fee else None,
                self.remaining,
                self.is_final,
                ticket.lock,
            ),
            None,
        )


class Book:
    """All orders and accounts of a flow so far.

    ``shard_of`` tells an account's shard. ``skipped`` counts the events that were left out, by
    reason. Memory grows with the number of orders: about 100 bytes for a finished one.
    """

    def __init__(self, shard_of: Callable[[AccountId], int]) -> None:
        self._shard_of = shard_of
        self._tickets: dict[int | str, Ticket | str] = {}
        self._instruments: dict[tuple[str, str], tuple[str, str]] = {}
        self.accounts: dict[int | str, Account] = {}
        self.skipped: Counter[str] = Counter()

    def place(self, event: OrderPlaced) -> Ticket:
        """Enter an order; :class:`BadEventError` if its values are none or its id is taken."""
        key = event.key
        if key in self._tickets:
            raise BadEventError(f"order {key} was placed before")
        quantity = volume = size = None
        try:
            underlying, settlement = self._instruments.get(
                (event.symbol, event.currency)
            ) or self._instrument(event.symbol, event.currency)
            price = None if event.price is None else _decimal(event.price, Price)
            if event.quantity is not None:
                size = quantity = _unsigned(event.quantity, Quantity)
            else:
                volume = _unsigned(event.volume, Volume)  # type: ignore[arg-type]  # one is set
                size = None if price is None else _size(volume, price)
            account = self.accounts.get(event.account) or self._open_account(event.account)
        except ValueError as error:
            raise _bad(error) from None
        side = _SIDES[event.side]
        order = new_order(underlying, settlement, account.value, side, quantity, volume, price)
        ticket = new_ticket(key, account, order, underlying, settlement, side, size)
        self._tickets[key] = ticket
        return ticket

    def fill(self, event: Fill) -> TicketReport | None:
        """Take a trade off its order; None if the event is left out."""
        ticket = self._tickets.get(event.key, UNKNOWN)
        if not isinstance(ticket, Ticket):
            self.skipped[ticket] += 1
            return None
        try:
            quantity = _unsigned(event.quantity, Quantity)
            price = _decimal(event.price, Price)
            fee = _ZERO if event.fee is None else _decimal(event.fee, Fee)
            pnl = _ZERO if event.pnl is None else _decimal(event.pnl, Pnl)
        except ValueError as error:
            raise _bad(error) from None
        opened, reserved = ticket.open, ticket.reserved
        if opened is None or reserved is None:
            raise _sizeless(ticket)
        if quantity > opened:
            raise _too_much("fill", quantity, opened, event.key)
        left = subtract(opened, quantity)
        reserved = left if reserved is opened else subtract(reserved, quantity)
        ticket.open, ticket.reserved = left, reserved
        is_final = not left
        if is_final:
            self._tickets[event.key] = FINISHED
        return TicketReport(ticket, price, quantity, fee, pnl, reserved, is_final)

    def cancel(self, event: Cancel) -> TicketReport | None:
        """Take an order, or a part of it, back; None if the event is left out."""
        ticket = self._tickets.get(event.key, UNKNOWN)
        if not isinstance(ticket, Ticket):
            self.skipped[ticket] += 1
            return None
        opened, reserved = ticket.open, ticket.reserved
        if opened is None or reserved is None:
            raise _sizeless(ticket)
        is_final = True
        if event.quantity is not None:
            try:
                quantity = _unsigned(event.quantity, Quantity)
            except ValueError as error:
                raise _bad(error) from None
            if quantity > opened:
                raise _too_much("cancel", quantity, opened, event.key)
            ticket.open = opened = subtract(opened, quantity)
            is_final = not opened
        if is_final:
            self._tickets[event.key] = FINISHED
        return TicketReport(ticket, None, None, _ZERO, _ZERO, reserved, is_final)

    def decided(self, ticket: Ticket, *, accepted: bool) -> None:
        """Note the engine's answer; a rejected order takes no reports any more."""
        ticket.accepted = accepted
        ticket.order = None
        if not accepted:
            self._tickets[ticket.key] = REJECTED

    def _open_account(self, name: int | str) -> Account:
        account_id = (
            AccountId.from_int(name) if isinstance(name, int) else AccountId.from_string(name)
        )
        account = self.accounts[name] = Account(name, account_id, self._shard_of(account_id))
        return account

    def _instrument(self, symbol: str, currency: str) -> tuple[str, str]:
        instrument = Instrument(Asset(symbol), Asset(currency))
        assets = str(instrument.underlying_asset), str(instrument.settlement_asset)
        self._instruments[symbol, currency] = assets
        return assets


def _decimal(value: Number, kind: type[FixedDecimal]) -> Decimal:
    """Read an amount; most texts have been read before."""
    return known(value) or decimal_of(kind(value))  # type: ignore[arg-type]  # no number is a text


def _unsigned(value: Number, kind: type[FixedDecimal]) -> Decimal:
    """Read an amount of a kind that has no sign."""
    number = known(value)  # type: ignore[arg-type]  # as above
    return decimal_of(kind(value)) if number is None or number.is_signed() else number


def _size(volume: Decimal, price: Decimal) -> Decimal:
    return decimal_of(new_volume(volume).calculate_quantity(new_price(price)))


def _bad(error: ValueError) -> BadEventError:
    reason = str(error)
    return BadEventError(reason if len(reason) <= SHOWN else f"{reason[: SHOWN - 3]}...")


def _sizeless(ticket: Ticket) -> BadEventError:
    return BadEventError(
        f"order {ticket.key} is by volume without a price: what is open of it is not known"
    )


def _too_much(what: str, quantity: Decimal, opened: Decimal, key: int | str) -> BadEventError:
    return BadEventError(f"{what} of {plain(quantity)}, but {plain(opened)} of order {key} is open")
