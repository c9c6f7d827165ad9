"""What the caller writes to configure spot funds: plain frozen records and two enums.

Nothing is checked here: fields are read, and errors raised, when a policy is registered or
reconfigured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from openpit.pretrade.policies.arguments import MODULE

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.param.ids import AccountGroupId, AccountId, InstrumentId
    from openpit.param.values import Pnl, Quantity

__all__ = [
    "SpotFundsLimitMode",
    "SpotFundsLimitModeAccountEntry",
    "SpotFundsLimitModeAccountGroupEntry",
    "SpotFundsOverride",
    "SpotFundsOverrideEntry",
    "SpotFundsOverrideTarget",
    "SpotFundsOverrideTargetInstrument",
    "SpotFundsOverrideTargetInstrumentAccount",
    "SpotFundsOverrideTargetInstrumentAccountGroup",
    "SpotFundsPnlBoundsAccountBarrier",
    "SpotFundsPnlBoundsAccountGroupBarrier",
    "SpotFundsPnlBoundsBarrier",
    "SpotFundsPositionLimitEntry",
    "SpotFundsPricingSource",
]


class SpotFundsPricingSource(StrEnum):
    """Which field of a quote prices an order without a limit price.

    ``MARK``: the mark. ``BOOK_TOP``: the ask for a buy, the bid for a sell, never the mark.
    """

    __module__ = MODULE

    MARK = "Mark"
    BOOK_TOP = "BookTop"


class SpotFundsLimitMode(StrEnum):
    """What an order that needs more than the account has available leads to.

    ``ENFORCE``: a reject. ``TRACK_ONLY``: it is recorded, and available may become negative.
    """

    __module__ = MODULE

    ENFORCE = "Enforce"
    TRACK_ONLY = "TrackOnly"


@dataclass(frozen=True)
class SpotFundsOverrideTargetInstrument:
    """One instrument, for every account that has no closer override."""

    __module__ = MODULE

    instrument: InstrumentId


@dataclass(frozen=True)
class SpotFundsOverrideTargetInstrumentAccount:
    """One instrument for one account: the closest override."""

    __module__ = MODULE

    instrument: InstrumentId
    account_id: AccountId


@dataclass(frozen=True)
class SpotFundsOverrideTargetInstrumentAccountGroup:
    """One instrument for the members of one group."""

    __module__ = MODULE

    instrument: InstrumentId
    account_group_id: AccountGroupId


SpotFundsOverrideTarget: TypeAlias = (
    SpotFundsOverrideTargetInstrument
    | SpotFundsOverrideTargetInstrumentAccount
    | SpotFundsOverrideTargetInstrumentAccountGroup
)


@dataclass(frozen=True)
class SpotFundsOverride:
    """Slippage in basis points, 0..10000; None removes the override."""

    __module__ = MODULE

    slippage_bps: int | None = None


@dataclass(frozen=True)
class SpotFundsOverrideEntry:
    """An override and where it holds."""

    __module__ = MODULE

    target: SpotFundsOverrideTarget
    override: SpotFundsOverride


@dataclass(frozen=True)
class SpotFundsLimitModeAccountEntry:
    """The limit mode of one account; None removes it."""

    __module__ = MODULE

    account_id: AccountId
    mode: SpotFundsLimitMode | None = None


@dataclass(frozen=True)
class SpotFundsLimitModeAccountGroupEntry:
    """The limit mode of a group's members; None removes it.

    One set for the default group applies to nobody: accounts without a group follow the global
    mode.
    """

    __module__ = MODULE

    account_group_id: AccountGroupId
    mode: SpotFundsLimitMode | None = None


@dataclass(frozen=True)
class SpotFundsPositionLimitEntry:
    """How far an account's position in an asset may go from zero, either way; None removes it."""

    __module__ = MODULE

    account_id: AccountId
    asset: str
    limit: Quantity | None


@dataclass(frozen=True)
class SpotFundsPnlBoundsBarrier:
    """Inclusive bounds of an account's realized PnL, in ``currency``; at least one is needed."""

    __module__ = MODULE

    currency: str
    lower_bound: Pnl | Decimal | str | float | None = None
    upper_bound: Pnl | Decimal | str | float | None = None


@dataclass(frozen=True)
class SpotFundsPnlBoundsAccountGroupBarrier:
    """A barrier for the members of one group."""

    __module__ = MODULE

    barrier: SpotFundsPnlBoundsBarrier
    account_group_id: AccountGroupId


@dataclass(frozen=True)
class SpotFundsPnlBoundsAccountBarrier:
    """A barrier for one account: the closest one."""

    __module__ = MODULE

    barrier: SpotFundsPnlBoundsBarrier
    account_id: AccountId
