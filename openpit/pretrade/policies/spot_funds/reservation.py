"""What an accepted order has set aside, and how it is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from msgspec import Struct

from openpit.param.decimals import NARROW, ZERO, DecimalOverflow, add, plain, subtract
from openpit.pretrade.effects import ITSELF, NOT_COUNTED, BuiltinFinalizer, Effects
from openpit.pretrade.policies.spot_funds.desk import stuck_block
from openpit.pretrade.policies.spot_funds.holdings import Holdings, Slot, close_if_empty, open_funds

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from decimal import Decimal

    from openpit.pretrade.effects import Finalizer
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["Leg", "PlainFunds", "ReservedFunds"]

_add: Final = NARROW.add
_subtract: Final = NARROW.subtract
_multiply: Final = NARROW.multiply


class Leg(NamedTuple):
    """What an order does to one asset: holds an amount or expects one; the other is zero."""

    asset: str
    hold: Decimal
    incoming: Decimal


class ReservedFunds(BuiltinFinalizer):
    """The legs of one accepted order; commit keeps them, rollback takes them back.

    Rolling back subtracts the amounts from what there is by then, so that fills reported in
    between stay.
    """

    __slots__ = ("account", "holdings", "legs")

    legs: tuple[tuple[str, Decimal, Decimal], ...]

    def __init__(
        self, holdings: Holdings, account: int, legs: tuple[tuple[str, Decimal, Decimal], ...]
    ) -> None:
        self.holdings = holdings
        self.account = account
        self.legs = legs

    def legs_left(self) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """Return what is set aside still: of each asset what is held, and what is expected."""
        return self.legs

    def commit(self) -> None:
        """Keep what is reserved: the state holds it already."""

    def rollback(self) -> None:
        """Give back what is reserved; a slot that cannot take it stays, and blocks the account."""
        account = self.account
        accounts = self.holdings.funds
        funds = open_funds(accounts, account)
        slots = funds.slots
        legs = self.legs
        while legs:
            asset, hold, incoming = legs[-1]
            legs = legs[:-1]
            slot = slots.get(asset)
            if slot is None:
                slot = funds.slot(asset)
            # A leg that is given back is gone, in plain stores: a rollback that was interrupted is
            # done again.
            try:
                if hold:
                    available, held = add(slot.available, hold), subtract(slot.held, hold)
                    slot.available, slot.held = available, held
                    slot.incoming = slot.incoming or ZERO
                else:
                    slot.incoming = subtract(slot.incoming, incoming)
                    slot.available = slot.available or ZERO
                    slot.held = slot.held or ZERO
                self.legs = legs
            except DecimalOverflow:
                self.holdings.accounts.block(account, _stuck(asset, hold, incoming, slot))
                self.legs = legs
            if not (slot.available or slot.held or slot.incoming) and slot.is_empty:
                del slots[asset]
        if not slots:
            close_if_empty(accounts, account)


class PlainFunds(Effects, BuiltinFinalizer, Struct, gc=False, eq=False):
    """What comes of a plain order: what it has set aside, and its outcome rows while it is open.

    There may be hundreds of thousands. So each is one object, which is the engine's effects, too,
    and the collector follows none of them: nothing that it leads to leads to anything of a
    program's, so it is in no cycle. What is held or expected at the order's price is calculated
    anew where it is asked for.
    """

    # `available` and `held` are of the asset paid, after the order; `expected` of the one bought.
    holdings: Holdings
    account: int
    own_prices: Decimal
    """The order's price, which it locks."""
    quantity: Decimal
    buys: bool
    paid: str
    available: Decimal
    held: Decimal
    bought: str
    expected: Decimal
    mutations: Sequence[Finalizer] = ITSELF
    # The engine's; see Effects.
    open: bool | Literal["rolling back"] = False
    key: Hashable = NOT_COUNTED
    thread: int = 0
    group_id: int = 0
    finisher: Any = None
    origin: Any = None

    own_rows = ITSELF

    def _amounts(self) -> tuple[Decimal, Decimal]:
        """Return what is held of the asset paid, and what is expected of the one bought."""
        quantity = self.quantity
        notional = _multiply(self.own_prices, quantity)
        return (notional, quantity) if self.buys else (quantity, notional)

    def legs_left(self) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """Return what is set aside: of each asset what is held, and what is expected."""
        hold, incoming = self._amounts()
        return (self.paid, hold, ZERO), (self.bought, ZERO, incoming)

    def told_rows(self) -> tuple[OutcomeRow, OutcomeRow]:
        hold, incoming = self._amounts()
        available, held, expected = self.available, self.held, self.expected
        spent = hold.copy_negate()
        return (
            (self.paid, spent, available, hold, held, None, None, None, None, None, None),
            (self.bought, None, None, None, None, incoming, expected, None, None, None, None),
        )

    def __iter__(self) -> Iterator[OutcomeRow]:
        return iter(self.told_rows())

    def forget_traces(self) -> None:
        self.available = self.held = self.expected = ZERO

    def give_back(self) -> None:
        """Give back what is reserved, as other reservations do: written out for the plain case."""
        quantity = self.quantity
        notional = _multiply(self.own_prices, quantity)
        hold, incoming = (notional, quantity) if self.buys else (quantity, notional)
        paid, bought = self.paid, self.bought
        funds = self.holdings.funds.get(self.account)
        if funds is not None and paid != bought:
            slots = funds.slots
            slot, other = slots.get(paid), slots.get(bought)
            if slot is not None and other is not None:
                try:
                    # What add() and subtract() come to for amounts that are not zero.
                    available = _add(slot.available, hold) if slot.available else hold
                    held = _subtract(slot.held, hold) if slot.held else hold.copy_negate()
                    expected = (
                        _subtract(other.incoming, incoming)
                        if other.incoming
                        else incoming.copy_negate()
                    )
                except ArithmeticError:
                    available = ZERO
                if available:
                    # In plain stores: an interrupt leaves all of it or nothing.
                    slot.available, slot.held = available, held
                    slot.incoming = slot.incoming or ZERO
                    other.available, other.held = other.available or ZERO, other.held or ZERO
                    other.incoming = expected
                    self.mutations = ()
                    if not (expected or other.available or other.held) and other.is_empty:
                        del slots[bought]
                    return
        # What is asked again goes on with the legs that are left.
        reserved = ReservedFunds(self.holdings, self.account, self.legs_left())
        self.mutations = (reserved,)
        reserved.rollback()
        self.mutations = ()


def _stuck(asset: str, hold: Decimal, incoming: Decimal, slot: Slot) -> AccountBlock:
    """Return the block of an account with a slot that could not take a reservation back."""
    return stuck_block(
        f"hold rollback overflow: asset {asset}, held {plain(hold)}, incoming {plain(incoming)}, "
        f"slot {slot}"
    )
