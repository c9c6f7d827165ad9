"""What accounts have: a slot per asset, a PnL per account.

State is kept by account first, and only in plain figures, so that one account can be written out,
read back or moved to another engine by itself.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING

from openpit.param.decimals import ZERO, plain
from openpit.param.enums import PnlHaltReason
from openpit.param.native_enum import member_label

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.barriers import PnlState
    from openpit.pretrade.policy_contract import AccountsView

    _Figures = tuple[Decimal, Decimal, Decimal, Decimal | None, PnlState]

__all__ = ["AccountFunds", "Glance", "Holdings", "Slot", "close_if_empty", "open_funds"]


class Slot:
    """One asset of one account; all amounts are signed and in units of the asset.

    ``available`` is free to use, ``held`` is set aside for open orders, ``incoming`` is what open
    orders are to bring. ``average`` is the average entry price in the account's currency.
    """

    __slots__ = ("available", "average", "held", "incoming", "pnl")

    def __init__(self) -> None:
        self.available = ZERO
        self.held = ZERO
        self.incoming = ZERO
        self.average: Decimal | None = None
        self.pnl: PnlState = None

    @property
    def is_empty(self) -> bool:
        """Whether the slot says nothing that an absent one would not."""
        return not (
            self.available
            or self.held
            or self.incoming
            or self.average is not None
            or self.pnl is not None
        )

    def __str__(self) -> str:
        """Return the figures as the texts of rejects show them."""
        average = "None" if self.average is None else f"Some(Price({plain(self.average)}))"
        if self.pnl is None:
            pnl = "None"
        elif isinstance(self.pnl, PnlHaltReason):
            pnl = f"Some(Halted({member_label(self.pnl)}))"
        else:
            pnl = f"Some(Pnl(Pnl({plain(self.pnl)})))"
        return (
            f"Holdings {{ available: PositionSize({plain(self.available)}), "
            f"held: PositionSize({plain(self.held)}), "
            f"incoming: PositionSize({plain(self.incoming)}), "
            f"avg_entry_price: {average}, realized_pnl: {pnl} }}"
        )

    def copy(self) -> Slot:
        """Return a slot with the same figures."""
        twin = Slot()
        twin.restore(self)
        return twin

    def equals(self, other: Slot) -> bool:
        """Tell whether another slot has the same figures, whatever their digits."""
        return (
            self.available == other.available
            and self.held == other.held
            and self.incoming == other.incoming
            and self.average == other.average
            and self.pnl == other.pnl
        )

    def restore(self, other: Slot) -> None:
        """Take over the figures of another slot."""
        self.available = other.available
        self.held = other.held
        self.incoming = other.incoming
        self.average = other.average
        self.pnl = other.pnl


class AccountFunds:
    """The slots of one account and its PnL."""

    __slots__ = ("pnl", "slots")

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.pnl: PnlState = None

    def slot(self, asset: str) -> Slot:
        """Return the asset's slot, a new one when there is none."""
        slot = self.slots.get(asset)
        if slot is None:
            # Assets come with every order as fresh strings; thousands of accounts share a few.
            slot = self.slots[intern(asset)] = Slot()
        return slot

    def drop_if_empty(self, asset: str) -> None:
        """Forget an asset that the account has nothing of."""
        slot = self.slots.get(asset)
        if slot is not None and slot.is_empty:
            del self.slots[asset]


class Holdings:
    """What all accounts have, and how they are blocked: all that a reservation needs of a desk."""

    __slots__ = ("accounts", "funds")

    accounts: AccountsView

    def __init__(self, funds: dict[int, AccountFunds]) -> None:
        self.funds = funds


def open_funds(accounts: dict[int, AccountFunds], account: int) -> AccountFunds:
    """Return the account's funds, new ones when there are none."""
    funds = accounts.get(account)
    if funds is None:
        funds = accounts[account] = AccountFunds()
    return funds


def close_if_empty(accounts: dict[int, AccountFunds], account: int) -> None:
    """Forget an account that has nothing."""
    funds = accounts.get(account)
    if funds is not None and not funds.slots and funds.pnl is None:
        del accounts[account]


class Glance:
    """What an account has of some assets, and its PnL, to be put back as it was."""

    __slots__ = ("_account", "_accounts", "_pnl", "_slots")

    def __init__(
        self, accounts: dict[int, AccountFunds], account: int, assets: tuple[str | None, ...]
    ) -> None:
        funds = accounts.get(account)
        slots = {} if funds is None else funds.slots
        self._accounts = accounts
        self._account = account
        self._pnl = None if funds is None else funds.pnl
        self._slots: dict[str, tuple[Slot, _Figures] | None] = {}
        for asset in assets:
            if asset is not None:
                slot = slots.get(asset)
                self._slots[asset] = (
                    None
                    if slot is None
                    else (slot, (slot.available, slot.held, slot.incoming, slot.average, slot.pnl))
                )

    def restore(self) -> None:
        """Put everything back; may be done again."""
        funds = open_funds(self._accounts, self._account)
        funds.pnl = self._pnl
        for asset, seen in self._slots.items():
            if seen is None:
                funds.slots.pop(asset, None)
            else:
                slot, figures = seen
                slot.available, slot.held, slot.incoming, slot.average, slot.pnl = figures
                funds.slots[asset] = slot
        close_if_empty(self._accounts, self._account)
