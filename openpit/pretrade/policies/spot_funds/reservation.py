"""What an accepted order has set aside, and how it is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openpit.param.decimals import ZERO, DecimalOverflow, add, plain, subtract
from openpit.pretrade.policies.spot_funds.desk import stuck_block
from openpit.pretrade.policies.spot_funds.holdings import Slot, close_if_empty, open_funds
from openpit.pretrade.policy_contract import BuiltinFinalizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.rejects import AccountBlock

    _Figures = tuple[str, Decimal, Decimal, Decimal, str, Decimal, Decimal]

__all__ = ["Leg", "PlainFunds", "ReservedFunds"]


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


class PlainFunds(ReservedFunds):
    """What a plain order has set aside, with its outcome rows, which are told while it is open.

    There may be hundreds of thousands: all figures are in one flat tuple, which the garbage
    collector need not follow. They are the asset paid, the amount held, what is available and held
    after it; the asset bought, the amount expected, and what is expected after it.
    """

    __slots__ = ("_figures",)

    def __init__(self, desk: Desk, account: int, figures: _Figures) -> None:
        self._desk = desk
        self._account = account
        self._figures: _Figures | None = figures

    def __iter__(self) -> Iterator[OutcomeRow]:
        assert self._figures is not None  # noqa: S101 - read before the rollback
        paid, hold, available, held, bought, incoming, expected = self._figures
        spent = hold.copy_negate()
        yield (paid, spent, available, hold, held, None, None, None, None, None, None)
        yield (bought, None, None, None, None, incoming, expected, None, None, None, None)

    def rollback(self) -> None:
        """Give back what is reserved, as its base does."""
        figures = self._figures
        if figures is not None:
            # Once: what is rolled back again goes on with the legs that are left.
            legs = (figures[0], figures[1], ZERO), (figures[4], ZERO, figures[5])
            self._legs = legs
            self._figures = None
        super().rollback()


def _stuck(asset: str, hold: Decimal, incoming: Decimal, slot: Slot) -> AccountBlock:
    """Return the block of an account with a slot that could not take a reservation back."""
    return stuck_block(
        f"hold rollback overflow: asset {asset}, held {plain(hold)}, incoming {plain(incoming)}, "
        f"slot {slot}"
    )
