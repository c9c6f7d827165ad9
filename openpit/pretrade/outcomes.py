"""What orders, reports and adjustments changed: amounts, entries and the results that list them.

The engine, the built-in policies and the wire pass plain rows (tuples of Decimals); the objects
below are made from rows when a caller looks, and read back into rows when a custom policy
returns them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, final

from openpit.core.assets import asset_text
from openpit.core.debug_text import optional, quoted
from openpit.core.opaque import Closed
from openpit.param.decimals import plain
from openpit.param.enums import PnlHaltReason
from openpit.param.ids import AccountId, new_account_id
from openpit.param.refusals import not_an_instance
from openpit.param.values import Pnl, PositionSize, Price, new_pnl, new_position_size, new_price
from openpit.pretrade.outcome_fields import account_number, group_id, position_size, price, profit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AccountAdjustmentOutcome",
    "AccountOutcomeEntry",
    "AccountPnlOutcome",
    "AccountPnlRow",
    "GroupRow",
    "OutcomeAmount",
    "OutcomeRow",
    "PnlOutcome",
    "PnlOutcomeAmount",
    "group_row_of",
    "pnl_row_of",
    "row_of",
]

OutcomeRow: TypeAlias = tuple[
    str,  # asset
    Decimal | None,  # balance delta
    Decimal | None,  # balance
    Decimal | None,  # held delta
    Decimal | None,  # held
    Decimal | None,  # incoming delta
    Decimal | None,  # incoming
    Decimal | None,  # realized P&L delta
    Decimal | None,  # realized P&L
    PnlHaltReason | None,  # why the position's P&L is not counted
    Decimal | None,  # average entry price
]
"""One asset of one account after a change; a delta and its figure are both set or both None."""

GroupRow: TypeAlias = tuple[int, OutcomeRow]
"""A row and the policy group it belongs to."""

AccountPnlRow: TypeAlias = tuple[int, int, Decimal | None, Decimal | None, PnlHaltReason | None]
"""Policy group, account, and either the P&L's delta and figure, or why it is not counted."""

_new = object.__new__


@final
class OutcomeAmount(Closed):
    """A signed quantity after a change, in units of its asset.

    ``delta`` is what the change added, ``absolute`` what it came to; both accept anything
    :class:`~openpit.param.PositionSize` does. Compared by identity.

    Raises:
        TypeError: an argument is an amount of another kind.
        ValueError: one is no amount.
        ParamError: one is not an amount that ``PositionSize`` takes.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_absolute", "_delta")

    def __init__(
        self,
        *,
        delta: PositionSize | Decimal | str | float,
        absolute: PositionSize | Decimal | str | float,
    ) -> None:
        self._delta = position_size(delta)
        self._absolute = position_size(absolute)

    @staticmethod
    def _of(delta: Decimal, absolute: Decimal) -> OutcomeAmount:
        self = _new(OutcomeAmount)
        self._delta = delta
        self._absolute = absolute
        return self

    @property
    def delta(self) -> PositionSize:
        """What the change added."""
        return new_position_size(self._delta)

    @property
    def absolute(self) -> PositionSize:
        """What it came to."""
        return new_position_size(self._absolute)

    def __repr__(self) -> str:
        return f"OutcomeAmount(delta={plain(self._delta)}, absolute={plain(self._absolute)})"


@final
class PnlOutcomeAmount(Closed):
    """A profit (positive) or loss (negative) after a change.

    ``delta`` is what the change added, ``absolute`` what it came to; both accept anything
    :class:`~openpit.param.Pnl` does. Compared by identity.

    Raises:
        TypeError: an argument is an amount of another kind.
        ValueError: one is no amount.
        ParamError: one is not an amount that ``Pnl`` takes.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_absolute", "_delta")

    def __init__(
        self,
        *,
        delta: Pnl | Decimal | str | float,
        absolute: Pnl | Decimal | str | float,
    ) -> None:
        self._delta = profit(delta)
        self._absolute = profit(absolute)

    @staticmethod
    def _of(delta: Decimal, absolute: Decimal) -> PnlOutcomeAmount:
        self = _new(PnlOutcomeAmount)
        self._delta = delta
        self._absolute = absolute
        return self

    @property
    def delta(self) -> Pnl:
        """What the change added."""
        return new_pnl(self._delta)

    @property
    def absolute(self) -> Pnl:
        """What it came to."""
        return new_pnl(self._absolute)

    def __repr__(self) -> str:
        return f"PnlOutcomeAmount(delta={plain(self._delta)}, absolute={plain(self._absolute)})"


@final
class PnlOutcome(Closed):
    """Either a P&L amount or the reason why it is not counted any more.

    Raises:
        ValueError: not exactly one of the two is given.
        TypeError: one is of another class.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_absolute", "_delta", "_halt_reason")

    _delta: Decimal | None
    _absolute: Decimal | None
    _halt_reason: PnlHaltReason | None

    def __init__(
        self, *, pnl: PnlOutcomeAmount | None = None, halt_reason: PnlHaltReason | None = None
    ) -> None:
        _check_pnl_classes(pnl, halt_reason)
        if (pnl is None) == (halt_reason is None):
            raise ValueError("PnL outcome requires exactly one of pnl or halt_reason")
        self._delta = None if pnl is None else pnl._delta
        self._absolute = None if pnl is None else pnl._absolute
        self._halt_reason = halt_reason

    @staticmethod
    def _of(
        delta: Decimal | None, absolute: Decimal | None, halt_reason: PnlHaltReason | None
    ) -> PnlOutcome:
        self = _new(PnlOutcome)
        self._delta = delta
        self._absolute = absolute
        self._halt_reason = halt_reason
        return self

    @property
    def pnl(self) -> PnlOutcomeAmount | None:
        """The amount, None when halted."""
        return _pnl_amount(self._delta, self._absolute)

    @property
    def halt_reason(self) -> PnlHaltReason | None:
        """Why the P&L is not counted, None when it is."""
        return self._halt_reason

    def __repr__(self) -> str:
        return f"PnlOutcome(pnl={self.pnl!r}, halt_reason={self._halt_reason!r})"


@final
class AccountPnlOutcome(Closed):
    """P&L of an account after a report, in the account's currency.

    All arguments are keyword-only. ``policy_group_id`` is 0 to 65535; exactly one of ``pnl`` and
    ``halt_reason`` is given.

    Raises:
        ValueError: ``policy_group_id`` is not from 0 to 65535, or not exactly one of ``pnl`` and
            ``halt_reason`` is given.
        TypeError: an argument is of another class.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_pnl_row",)

    _pnl_row: AccountPnlRow

    def __init__(
        self,
        *,
        policy_group_id: int,
        account_id: AccountId,
        pnl: PnlOutcomeAmount | None = None,
        halt_reason: PnlHaltReason | None = None,
    ) -> None:
        _check_pnl_classes(pnl, halt_reason)
        if (pnl is None) == (halt_reason is None):
            raise ValueError("account PnL outcome requires exactly one of pnl or halt_reason")
        self._pnl_row = (
            group_id(policy_group_id),
            account_number(account_id),
            None if pnl is None else pnl._delta,
            None if pnl is None else pnl._absolute,
            halt_reason,
        )

    @staticmethod
    def _from_row(row: AccountPnlRow) -> AccountPnlOutcome:
        self = _new(AccountPnlOutcome)
        self._pnl_row = row
        return self

    def _row(self) -> AccountPnlRow:
        return self._pnl_row

    @property
    def policy_group_id(self) -> int:
        """Group of the policy that counts this P&L."""
        return self._pnl_row[0]

    @property
    def account_id(self) -> AccountId:
        """The account."""
        return new_account_id(self._pnl_row[1])

    @property
    def pnl(self) -> PnlOutcomeAmount | None:
        """The amount, None when halted."""
        return _pnl_amount(self._pnl_row[2], self._pnl_row[3])

    @property
    def halt_reason(self) -> PnlHaltReason | None:
        """Why the P&L is not counted, None when it is."""
        return self._pnl_row[4]

    def __repr__(self) -> str:
        return (
            f"AccountPnlOutcome(policy_group_id={self._pnl_row[0]}, "
            f"account_id={self._pnl_row[1]}, pnl={self.pnl!r}, halt_reason={self._pnl_row[4]!r})"
        )


@final
class AccountOutcomeEntry(Closed):
    """One asset of an account after a change; None is what the change did not touch.

    All arguments are keyword-only. ``average_entry_price`` accepts anything
    :class:`~openpit.param.Price` does.

    Raises:
        ValueError: ``asset`` is blank, or a price no amount.
        TypeError: an argument is of another class.
        ParamError: ``average_entry_price`` is not one that ``Price`` takes.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_outcome_row",)

    _outcome_row: OutcomeRow

    def __init__(
        self,
        *,
        asset: str,
        balance: OutcomeAmount | None = None,
        held: OutcomeAmount | None = None,
        incoming: OutcomeAmount | None = None,
        realized_pnl: PnlOutcome | None = None,
        average_entry_price: Price | Decimal | str | float | None = None,
    ) -> None:
        for amount in (balance, held, incoming):
            if amount is not None and type(amount) is not OutcomeAmount:
                raise not_an_instance(amount, "OutcomeAmount")
        if realized_pnl is not None and type(realized_pnl) is not PnlOutcome:
            raise not_an_instance(realized_pnl, "PnlOutcome")
        self._outcome_row = (
            asset_text(asset),
            balance and balance._delta,
            balance and balance._absolute,
            held and held._delta,
            held and held._absolute,
            incoming and incoming._delta,
            incoming and incoming._absolute,
            realized_pnl and realized_pnl._delta,
            realized_pnl and realized_pnl._absolute,
            realized_pnl and realized_pnl._halt_reason,
            None if average_entry_price is None else price(average_entry_price),
        )

    @staticmethod
    def _from_row(row: OutcomeRow) -> AccountOutcomeEntry:
        self = _new(AccountOutcomeEntry)
        self._outcome_row = row
        return self

    def _row(self) -> OutcomeRow:
        return self._outcome_row

    @property
    def asset(self) -> str:
        """The asset."""
        return self._outcome_row[0]

    @property
    def balance(self) -> OutcomeAmount | None:
        """What the account owns and is free to use."""
        return _amount(self._outcome_row[1], self._outcome_row[2])

    @property
    def held(self) -> OutcomeAmount | None:
        """What open orders hold."""
        return _amount(self._outcome_row[3], self._outcome_row[4])

    @property
    def incoming(self) -> OutcomeAmount | None:
        """What open orders are to bring."""
        return _amount(self._outcome_row[5], self._outcome_row[6])

    @property
    def realized_pnl(self) -> PnlOutcome | None:
        """Realized P&L of the position, or why it is not counted."""
        row = self._outcome_row
        if row[7] is None and row[9] is None:
            return None
        return PnlOutcome._of(row[7], row[8], row[9])

    @property
    def average_entry_price(self) -> Price | None:
        """Average entry price of the position."""
        average = self._outcome_row[10]
        return None if average is None else new_price(average)

    def __repr__(self) -> str:
        average = self._outcome_row[10]
        return (
            f"AccountOutcomeEntry(asset={quoted(self._outcome_row[0])}, "
            f"balance={_some(self.balance)}, held={_some(self.held)}, "
            f"incoming={_some(self.incoming)}, realized_pnl={_some(self.realized_pnl)}, "
            f"average_entry_price={_some(None if average is None else plain(average))})"
        )


@final
class AccountAdjustmentOutcome(Closed):
    """An entry and the policy group that keeps it.

    Both arguments are keyword-only. ``policy_group_id`` is 0 to 65535.

    Raises:
        ValueError: ``policy_group_id`` is not from 0 to 65535.
        TypeError: ``entry`` is of another class.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_group_id", "_outcome_row")

    _group_id: int
    _outcome_row: OutcomeRow

    def __init__(self, *, policy_group_id: int, entry: AccountOutcomeEntry) -> None:
        if type(entry) is not AccountOutcomeEntry:
            raise not_an_instance(entry, "AccountOutcomeEntry")
        self._group_id = group_id(policy_group_id)
        self._outcome_row = entry._outcome_row

    @staticmethod
    def _from_row(group: int, row: OutcomeRow) -> AccountAdjustmentOutcome:
        self = _new(AccountAdjustmentOutcome)
        self._group_id = group
        self._outcome_row = row
        return self

    @property
    def policy_group_id(self) -> int:
        """Group of the policy that keeps the entry."""
        return self._group_id

    @property
    def entry(self) -> AccountOutcomeEntry:
        """What changed."""
        return AccountOutcomeEntry._from_row(self._outcome_row)

    def __repr__(self) -> str:
        return f"AccountAdjustmentOutcome(policy_group_id={self._group_id}, entry={self.entry!r})"


def outcomes_of(rows: Iterable[GroupRow]) -> list[AccountAdjustmentOutcome]:
    """Return the public objects of rows."""
    of = AccountAdjustmentOutcome._from_row
    return [of(group, row) for group, row in rows]


def row_of(entry: AccountOutcomeEntry) -> OutcomeRow:
    """Return an entry's values as a row."""
    return entry._outcome_row


def group_row_of(outcome: AccountAdjustmentOutcome) -> GroupRow:
    """Return the policy group of an outcome, and its entry's values as a row."""
    return outcome._group_id, outcome._outcome_row


def pnl_row_of(outcome: AccountPnlOutcome) -> AccountPnlRow:
    """Return the values of an account's P&L as a row."""
    return outcome._pnl_row


def _check_pnl_classes(pnl: object, halt_reason: object) -> None:
    if pnl is not None and type(pnl) is not PnlOutcomeAmount:
        raise not_an_instance(pnl, "PnlOutcomeAmount")
    if halt_reason is not None and type(halt_reason) is not PnlHaltReason:
        raise not_an_instance(halt_reason, "PnlHaltReason")


def _amount(delta: Decimal | None, absolute: Decimal | None) -> OutcomeAmount | None:
    if delta is None or absolute is None:
        return None
    return OutcomeAmount._of(delta, absolute)


def _pnl_amount(delta: Decimal | None, absolute: Decimal | None) -> PnlOutcomeAmount | None:
    if delta is None or absolute is None:
        return None
    return PnlOutcomeAmount._of(delta, absolute)


def _some(value: object) -> str:
    return optional(None if value is None else str(value))
