"""What an engine knows of one account, as :meth:`openpit.Engine.account_state` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from openpit.param.enums import PnlHaltReason
from openpit.param.ids import new_account_group_id, new_account_id
from openpit.param.values import new_pnl, new_position_size, new_price

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from openpit.param.ids import AccountGroupId, AccountId
    from openpit.param.values import Pnl, PositionSize, Price
    from openpit.pretrade.rejects import AccountBlock

__all__ = [
    "AccountFigures",
    "AccountRow",
    "AccountState",
    "GroupState",
    "Holding",
    "OpenHandles",
    "PolicyState",
    "RealizedPnl",
    "account_state_of",
    "group_states_of",
]


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of one asset, in units of the asset.

    ``available`` is free to use, ``held`` is set aside for open orders, ``incoming`` is what open
    orders are to bring. ``average_entry_price`` and ``pnl`` are in the account's currency; a reason
    in place of a PnL says why it is not counted any more, None that nothing has been counted.
    """

    asset: str
    available: PositionSize
    held: PositionSize
    incoming: PositionSize
    average_entry_price: Price | None
    pnl: Pnl | PnlHaltReason | None


@dataclass(frozen=True, slots=True)
class RealizedPnl:
    """A PnL of an account in ``currency``, or why it is not counted any more.

    The currency is None where the account's PnL is counted and it has no currency.
    """

    currency: str | None
    pnl: Pnl | PnlHaltReason


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What a built-in policy keeps of an account: holdings by asset, PnLs by currency, sorted."""

    policy: str
    policy_group_id: int
    holdings: tuple[Holding, ...]
    pnls: tuple[RealizedPnl, ...]


@dataclass(frozen=True, slots=True)
class OpenHandles:
    """How many handles of an account wait for their end.

    Reservations and drop copies count while there is something to commit or roll back; one of an
    order that changed nothing is the program's alone. Requests wait for their main stage.
    """

    reservations: int
    drop_copies: int
    requests: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """What an engine knows of one account, at one moment.

    ``block`` is the account's own cause, ``group_block`` its group's, ``engine_block`` one of the
    whole engine; the first of them that is there is what its orders are rejected for. ``currency``
    is the effective one: its own, its group's or the default one. ``policies`` are the built-in
    ones that keep something of it, in the order of registration.
    """

    account: AccountId
    group: AccountGroupId | None
    currency: str | None
    block: AccountBlock | None
    group_block: AccountBlock | None
    engine_block: AccountBlock | None
    policies: tuple[PolicyState, ...]
    open: OpenHandles

    @property
    def is_blocked(self) -> bool:
        """Whether its orders are rejected, whatever the policies say."""
        return self.cause is not None

    @property
    def cause(self) -> AccountBlock | None:
        """What its orders are rejected for, None while they are not."""
        return self.block or self.group_block or self.engine_block


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group of accounts: how many members, why its orders are rejected, its currency.

    Group 0 is the tier below all groups: it has a currency at the most.
    """

    group: AccountGroupId
    members: int
    block_reason: str | None
    currency: str | None


# --- as policies and the engine tell it -----------------------------------------------------------


class AccountFigures(NamedTuple):
    """What a policy keeps of an account, in plain figures.

    Of each asset: available, held, incoming, average entry price, PnL. Of each currency: the PnL.
    """

    holdings: tuple[_HoldingRow, ...]
    pnls: tuple[_PnlRow, ...]


_Pnl: TypeAlias = "Decimal | PnlHaltReason"
_HoldingRow: TypeAlias = "tuple[str, Decimal, Decimal, Decimal, Decimal | None, _Pnl | None]"
_PnlRow: TypeAlias = "tuple[str | None, _Pnl]"
_PolicyRow: TypeAlias = "tuple[str, int, tuple[_HoldingRow, ...], tuple[_PnlRow, ...]]"

AccountRow: TypeAlias = (
    "tuple[int | None, str | None, AccountBlock | None, AccountBlock | None,"
    " AccountBlock | None, tuple[_PolicyRow, ...], tuple[int, int, int]]"
)
"""An account's state as it travels: the fields of AccountState behind the account."""


def account_state_of(account: int, row: AccountRow) -> AccountState:
    """Return the state that a row tells."""
    group, currency, block, group_block, engine_block, policies, opened = row
    return AccountState(
        new_account_id(account),
        None if group is None else new_account_group_id(group),
        currency,
        block,
        group_block,
        engine_block,
        tuple(map(_policy_state, policies)),
        OpenHandles(*opened),
    )


def group_states_of(
    told: Sequence[dict[int, tuple[int, str | None, str | None]]],
) -> list[GroupState]:
    """Return the groups that shards tell of: each has its own members, and all else alike."""
    states: list[GroupState] = []
    for number in sorted({number for one in told for number in one}):
        rows = [one[number] for one in told if number in one]
        reasons = [reason for _, reason, _ in rows if reason is not None]
        currencies = [currency for _, _, currency in rows if currency is not None]
        states.append(
            GroupState(
                new_account_group_id(number),
                sum(members for members, _, _ in rows),
                reasons[0] if reasons else None,
                currencies[0] if currencies else None,
            )
        )
    return states


def _policy_state(row: _PolicyRow) -> PolicyState:
    name, group_id, holdings, pnls = row
    return PolicyState(
        name,
        group_id,
        tuple(map(_holding, holdings)),
        tuple(RealizedPnl(currency, _pnl(pnl)) for currency, pnl in pnls),
    )


def _holding(row: _HoldingRow) -> Holding:
    asset, available, held, incoming, average, pnl = row
    return Holding(
        asset,
        new_position_size(available),
        new_position_size(held),
        new_position_size(incoming),
        None if average is None else new_price(average),
        None if pnl is None else _pnl(pnl),
    )


def _pnl(pnl: _Pnl) -> Pnl | PnlHaltReason:
    return pnl if isinstance(pnl, PnlHaltReason) else new_pnl(pnl)
