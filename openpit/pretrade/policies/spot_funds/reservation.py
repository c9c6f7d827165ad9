"""What an accepted order has set aside, and how it is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openpit.param.decimals import ZERO, DecimalOverflow, add, plain, subtract
from openpit.pretrade.policies.spot_funds.desk import stuck_block
from openpit.pretrade.policies.spot_funds.holdings import Slot, close_if_empty, open_funds
from openpit.pretrade.runtime import BuiltinFinalizer

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["Leg", "ReservedFunds"]


class Leg(NamedTuple):
    """What an order does to one asset: holds an amount or expects one; the other is zero."""

    asset: str
    hold: Decimal
    incoming: Decimal


class ReservedFunds(BuiltinFinalizer):
    """The legs of one accepted order; commit keeps them, rollback takes them back.

    Rolling back subtracts the amounts from what there is by then, so that fills reported in
    between stay (spec section 5.3).
    """

    __slots__ = ("_account", "_desk", "_legs")

    def __init__(
        self, desk: Desk, account: int, legs: tuple[tuple[str, Decimal, Decimal], ...]
    ) -> None:
        self._desk = desk
        self._account = account
        self._legs = legs

    def commit(self) -> None:
        """Keep what is reserved: the state holds it already."""

    def rollback(self) -> None:
        """Give back what is reserved; a slot that cannot take it stays, and blocks the account."""
        account = self._account
        accounts = self._desk.funds
        funds = open_funds(accounts, account)
        slots = funds.slots
        legs = self._legs
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
                self._legs = legs
            except DecimalOverflow:
                self._desk.accounts.block(account, _stuck(asset, hold, incoming, slot))
                self._legs = legs
            if not (slot.available or slot.held or slot.incoming) and slot.is_empty:
                del slots[asset]
        if not slots:
            close_if_empty(accounts, account)


def _stuck(asset: str, hold: Decimal, incoming: Decimal, slot: Slot) -> AccountBlock:
    """Return the block of an account with a slot that could not take a reservation back."""
    return stuck_block(
        f"hold rollback overflow: asset {asset}, held {plain(hold)}, incoming {plain(incoming)}, "
        f"slot {slot}"
    )
