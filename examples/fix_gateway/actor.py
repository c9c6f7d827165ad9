"""The actor: takes one FIX message of an account, has its orders checked, answers in FIX.

It knows bytes and the worker's engine, and nothing of sessions: it neither numbers nor times its
answers. What it refuses has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import openpit
from fix_gateway import codes, replies
from fix_gateway.fields import NO_FIELDS, fields_of
from fix_gateway.frames import header_of
from fix_gateway.orders import MOST_IDS, AccountOrders, ClientOrder, State
from fix_gateway.refusals import (
    BUSINESS_REJECT,
    CANCEL_REJECT,
    DONT_KNOW,
    ORDER_REJECT,
    SESSION_REJECT,
    RefusedError,
)
from fix_gateway.settlement import FIX_EXECUTIONS, SETTLED, TRADE, SettlingEngine
from fix_gateway.terms import difference, instrument_of, terms
from openpit.param import AccountId, TradeAmount

if TYPE_CHECKING:
    from collections.abc import Callable

    from fix_gateway.fields import Fields
    from fix_gateway.frames import Header
    from openpit.pretrade import Reject, Reservation
    from openpit.pretrade.narrowed import ExecuteResult

__all__ = ["VENUE", "CheckingEngine", "Gateway"]

VENUE: Final = b"VENUE"
"""The CompID of the venue, which alone may send reports."""

STATUS: Final = "I"


class CheckingEngine(SettlingEngine, Protocol):
    """What the gateway asks of the engine that an actor is given."""

    def execute_pre_trade(self, order: openpit.Order) -> ExecuteResult:
        """Check an order."""

    def keep(self, handle: Reservation) -> None:
        """Have a reservation outlive its message."""


class Gateway:
    """One in each worker; knows the orders of the shard's accounts, by account."""

    def __init__(self, engine: CheckingEngine, shard: int) -> None:
        self._engine = engine
        self._accounts: dict[AccountId, AccountOrders] = {}

    def receive(self, account_id: AccountId, message: bytes) -> bytes | None:
        """Handle a message of an account; return what is to be sent, to whom each says.

        Raises:
            GarbledError: the message is not whole, or does not say whom to answer.
        """
        header = header_of(message)
        if header.kind in _REFUSALS:
            return None  # two who refuse each other's refusals would never end
        fields = NO_FIELDS
        try:
            fields = fields_of(message)
            return _handler(header)(self, account_id, header, fields)
        except RefusedError as refused:
            return replies.refusal(header, refused, fields)

    def orders(self, account_id: AccountId) -> AccountOrders | None:
        """Return an account's orders, None if the engine has been asked for none."""
        return self._accounts.get(account_id)

    # --- from clients ----------------------------------------------------------------------------

    def place(self, account_id: AccountId, header: Header, fields: Fields) -> bytes:
        """Check a NewOrderSingle; keep what it holds until the venue has it."""
        account = self._account(account_id, fields)
        client_id = fields.text(11)
        instrument = instrument_of(fields)
        side, quantity, price = terms(fields)
        fields.check_time(60)
        if account.is_taken(client_id):
            raise RefusedError(ORDER_REJECT, codes.DUPLICATE, f"ClOrdID {client_id} is taken")
        if account.is_full():
            raise RefusedError(ORDER_REJECT, codes.BROKER, _FULL)
        result = self._engine.execute_pre_trade(
            openpit.Order(
                operation=openpit.OrderOperation(
                    instrument=instrument,
                    account_id=account_id,
                    side=side,
                    trade_amount=TradeAmount.quantity(quantity),
                    price=price,
                )
            )
        )
        reservation = result.reservation
        if reservation is None:
            self._accounts[account_id] = account
            account.take(client_id)
            reason = codes.ORD_REJ_REASON[result.rejects[0].code]
            raise RefusedError(ORDER_REJECT, reason, "; ".join(map(_told, result.rejects)))
        order = ClientOrder(
            client_id,
            f"{account.name}-{client_id}",
            header.sender,
            instrument,
            side,
            quantity.decimal,
            reservation,
        )
        answer = _to_venue(header, fields) + replies.pending_new(header, order, fields)
        self._engine.keep(reservation)
        self._accounts[account_id] = account
        account.take(client_id, order)
        return answer

    def cancel(self, account_id: AccountId, header: Header, fields: Fields) -> bytes:
        """Pass on an OrderCancelRequest: only the venue's report ends the order."""
        account = self._account(account_id, fields)
        original, client_id = fields.text(41), fields.text(11)
        fields.check_time(60)
        order = account.find(original)
        if order is None or order.sender != header.sender:
            raise RefusedError(CANCEL_REJECT, 1, f"there is no order {original}")
        found = _uncancellable(account, order, client_id, fields)
        if found is not None:
            reason, text = found
            raise RefusedError(CANCEL_REJECT, reason, text, order=order)
        answer = _to_venue(header, fields) + replies.pending_cancel(header, order, fields)
        account.take(client_id)
        order.cancel_id = client_id
        return answer

    # --- from the venue --------------------------------------------------------------------------

    def report(self, account_id: AccountId, header: Header, fields: Fields) -> bytes | None:
        """Settle what an ExecutionReport says; one that comes again is left out."""
        account = self._account(account_id, fields)
        report, execution = fields.one_of(150, FIX_EXECUTIONS), fields.text(17)
        client_id = fields.find(41) or fields.needed(11)
        order = account.find(client_id)
        is_trade = report == TRADE
        if order is None:
            raise _unknown(f"there is no order {client_id}", is_trade=is_trade)
        if execution in order.executions:
            return None
        differs = difference(order, fields)
        if differs is not None:
            reason, text = differs
            if is_trade:
                raise RefusedError(DONT_KNOW, reason, text)
            raise RefusedError(BUSINESS_REJECT, 0, text)
        settle = SETTLED.get(report)
        if settle is None:
            raise RefusedError(BUSINESS_REJECT, 0, f"ExecType (150) {report} is not taken")
        if order.state is State.ENDED and report != STATUS:
            raise _unknown(f"order {client_id} has ended", is_trade=is_trade)
        answer = _to_client(header, order, fields)
        settle(self._engine, account_id, order, fields)
        order.executions.add(execution)
        return answer

    def cancel_refused(self, account_id: AccountId, header: Header, fields: Fields) -> bytes:
        """Pass on an OrderCancelReject: the order stays, and may be cancelled again."""
        account = self._account(account_id, fields)
        original, client_id = fields.text(41), fields.text(11)
        order = account.find(original)
        if order is None or order.cancel_id != client_id:
            raise _unknown(f"{client_id} is not to cancel an order {original}")
        answer = _to_client(header, order, fields)
        order.cancel_id = None
        return answer

    # --- accounts --------------------------------------------------------------------------------

    def _account(self, account_id: AccountId, fields: Fields) -> AccountOrders:
        """Return the orders of a message's account; nothing is entered for one that is new."""
        name = fields.needed(1)
        if AccountId.from_string(name) != account_id:
            text = f"Account (1) is {name}, but the message came for another"
            raise RefusedError(BUSINESS_REJECT, 0, text)
        account = self._accounts.get(account_id)
        if account is None:
            return AccountOrders(name)
        if account.name != name:
            text = f"accounts {account.name} and {name} have one number: rename one of them"
            raise RefusedError(BUSINESS_REJECT, 0, text)
        return account


# --- who may send what ----------------------------------------------------------------------------

if TYPE_CHECKING:
    _Handler = Callable[[Gateway, AccountId, Header, Fields], bytes | None]

_REFUSALS: Final = frozenset([SESSION_REJECT, BUSINESS_REJECT, DONT_KNOW])

_OF_CLIENTS: Final[dict[bytes, _Handler]] = {b"D": Gateway.place, b"F": Gateway.cancel}
_OF_VENUE: Final[dict[bytes, _Handler]] = {b"8": Gateway.report, b"9": Gateway.cancel_refused}


def _handler(header: Header) -> _Handler:
    if header.target != replies.GATEWAY:
        text = f"TargetCompID (56) is not {replies.GATEWAY.decode()}"
        raise RefusedError(SESSION_REJECT, 9, text, 56)
    is_venue = header.sender == VENUE
    own, others = (_OF_VENUE, _OF_CLIENTS) if is_venue else (_OF_CLIENTS, _OF_VENUE)
    handle = own.get(header.kind)
    if handle is not None:
        return handle
    if header.kind in others:
        text = f"MsgType (35) {header.kind.decode()} is not for this SenderCompID (49) to send"
        raise RefusedError(SESSION_REJECT, 9, text, 49)
    kind = header.kind[:8].decode("ascii", "backslashreplace")
    raise RefusedError(BUSINESS_REJECT, 3, f"MsgType (35) {kind} is not taken")


# --- answers --------------------------------------------------------------------------------------

_FULL: Final = f"the account has used {MOST_IDS} ClOrdIDs"


def _to_venue(header: Header, fields: Fields) -> bytes:
    return replies.passed_on(header, VENUE, fields, on_behalf_of=header.sender)


def _to_client(header: Header, order: ClientOrder, fields: Fields) -> bytes:
    changed = {37: order.id, 198: fields.text(37)}
    fields.text(39)
    return replies.passed_on(header, order.sender, fields, changed)


def _uncancellable(
    account: AccountOrders, order: ClientOrder, client_id: str, fields: Fields
) -> tuple[int, str] | None:
    """Tell why an order cannot be cancelled by such a request, as a CxlRejReason (102)."""
    if account.is_taken(client_id):
        return 6, f"ClOrdID {client_id} is taken"
    if order.state is State.ENDED:
        return 0, f"order {order.client_id} has ended"
    if order.cancel_id is not None:
        return 3, f"{order.cancel_id} is to cancel it already"
    differs = difference(order, fields)
    if differs is not None:
        return 99, differs[1]
    if account.is_full():
        return 2, _FULL
    return None


def _unknown(text: str, *, is_trade: bool = False) -> RefusedError:
    """Return the refusal of a message about an order that is not open here."""
    if is_trade:
        return RefusedError(DONT_KNOW, "D", text)
    return RefusedError(BUSINESS_REJECT, 1, text)


def _told(reject: Reject) -> str:
    return f"{reject.code}: {reject.reason} ({reject.details})"
