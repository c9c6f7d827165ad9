"""The orders of one account as the gateway knows them: where each stands, what is left of it."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openpit import Instrument
    from openpit.param import Side
    from openpit.pretrade import Lock, Reservation

__all__ = ["MOST_IDS", "AccountOrders", "ClientOrder", "State"]

MOST_IDS: Final = 100_000
"""ClOrdIDs of one account in a day, which are all remembered: a second use is refused."""

ZERO: Final = Decimal()


class State(Enum):
    """Where an order stands.

    ``PENDING``: passed on to the venue, which has said nothing; its reservation is kept.
    ``WORKING``: the venue has it; the reservation is committed, reports settle what it holds.
    ``ENDED``: filled, cancelled, expired or rejected; holds nothing.
    """

    PENDING = "pending"
    WORKING = "working"
    ENDED = "ended"


class ClientOrder:
    """One order that has passed the checks.

    ``id`` is the gateway's OrderID, ``status`` its OrdStatus (39), ``cancel_id`` the ClOrdID of a
    cancel request that the venue has not answered.
    """

    __slots__ = (
        "_reservation",
        "average_price",
        "cancel_id",
        "client_id",
        "executions",
        "filled",
        "id",
        "instrument",
        "lock",
        "quantity",
        "sender",
        "side",
        "state",
        "status",
    )

    def __init__(
        self,
        client_id: str,
        order_id: str,
        sender: bytes,
        instrument: Instrument,
        side: Side,
        quantity: Decimal,
        reservation: Reservation,
    ) -> None:
        self.client_id = client_id
        self.id = order_id
        self.sender = sender
        self.instrument = instrument
        self.side = side
        self.quantity = quantity
        self.filled = ZERO
        self.average_price = "0"
        self.cancel_id: str | None = None
        self.executions: set[str] = set()
        """ExecIDs of the venue's reports, so that one which comes again changes nothing."""
        self.state = State.PENDING
        self.status = "A"
        self.lock: Lock = reservation.lock
        self._reservation: Reservation | None = reservation

    @property
    def left(self) -> Decimal:
        """What the venue may still fill of it."""
        return ZERO if self.state is State.ENDED else self.quantity - self.filled

    def accept(self) -> None:
        """Record that the venue has it: what it holds is the venue's to settle from now on."""
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            self.state, self.status = State.WORKING, "0"
            reservation.commit()

    def withdraw(self, status: str) -> None:
        """Record that the venue has never had it: what it holds is given back."""
        reservation, self._reservation = self._reservation, None
        self.end(status)
        if reservation is not None:
            reservation.rollback()

    def fill(self, quantity: Decimal, average_price: str) -> None:
        """Record a trade of it, which the engine has been told of."""
        self.filled += quantity
        self.average_price = average_price
        self.status = "1"
        if self.filled == self.quantity:
            self.end("2")

    def end(self, status: str) -> None:
        """Record that it holds nothing more."""
        self.state, self.status, self.cancel_id = State.ENDED, status, None


class AccountOrders:
    """The orders of an account, by their ClOrdIDs, and the ClOrdIDs that are taken."""

    __slots__ = ("_orders", "_taken", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._orders: dict[str, ClientOrder] = {}
        self._taken: set[str] = set()

    def find(self, client_id: str) -> ClientOrder | None:
        """Return an order, None if there was none of that id."""
        return self._orders.get(client_id)

    def is_taken(self, client_id: str) -> bool:
        """Tell whether an order or a cancel request had that id."""
        return client_id in self._taken

    def is_full(self) -> bool:
        """Tell whether no further id can be remembered."""
        return len(self._taken) >= MOST_IDS

    def take(self, client_id: str, order: ClientOrder | None = None) -> None:
        """Record that an id is used: of an order that has passed, or of anything else."""
        self._taken.add(client_id)
        if order is not None:
            self._orders[client_id] = order

    def open_orders(self) -> list[ClientOrder]:
        """Return those that hold something."""
        return [order for order in self._orders.values() if order.state is not State.ENDED]
