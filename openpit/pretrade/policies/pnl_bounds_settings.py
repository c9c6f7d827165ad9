"""Settings of the PnL bounds kill switch: barriers, their validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.core.assets import asset_text
from openpit.param.fixed_decimal import decimal_of
from openpit.param.values import Pnl
from openpit.pretrade.policies.arguments import (
    MODULE,
    SettingsError,
    account_number,
    expect,
    listed,
)
from openpit.pretrade.state_values import optional_in, optional_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from openpit import param
    from openpit.pretrade.state_values import State

__all__ = [
    "NAME",
    "PnlBounds",
    "PnlBoundsAccountAssetBarrier",
    "PnlBoundsAccountAssetBarrierUpdate",
    "PnlBoundsBrokerBarrier",
    "PnlBoundsSettings",
    "PnlBoundsUpdate",
    "read_account_barrier",
    "read_barrier",
]

NAME: Final = "PnlBoundsKillSwitchPolicy"


@dataclass(frozen=True)
class PnlBoundsBrokerBarrier:
    """Bounds on the realized PnL of each account in a settlement asset; inclusive.

    A loss is negative. At least one bound must be given; they are not compared with each other.
    """

    __module__ = MODULE

    settlement_asset: param.Asset | str
    lower_bound: param.Pnl | str | float | None = None
    upper_bound: param.Pnl | str | float | None = None


@dataclass(frozen=True)
class PnlBoundsAccountAssetBarrier:
    """Bounds for one account, and the realized PnL that it starts with."""

    __module__ = MODULE

    barrier: PnlBoundsBrokerBarrier
    account_id: param.AccountId
    initial_pnl: param.Pnl | str | float


@dataclass(frozen=True)
class PnlBoundsAccountAssetBarrierUpdate:
    """New bounds for one account of a running engine; its realized PnL stays."""

    __module__ = MODULE

    barrier: PnlBoundsBrokerBarrier
    account_id: param.AccountId


class PnlBounds(NamedTuple):
    """Checked bounds; None leaves a side open."""

    lower: Decimal | None
    upper: Decimal | None

    def contain(self, pnl: Decimal) -> bool:
        """Tell whether a realized PnL is inside, the bounds themselves included."""
        return (self.lower is None or pnl >= self.lower) and (
            self.upper is None or pnl <= self.upper
        )


_Broker = list[tuple[str, PnlBounds]]
_Accounts = list[tuple[tuple[int, str], PnlBounds]]


class PnlBoundsUpdate(NamedTuple):
    """New bounds by axis; None keeps an axis."""

    broker: _Broker | None
    accounts: _Accounts | None

    @classmethod
    def read(
        cls,
        broker_barriers: Sequence[PnlBoundsBrokerBarrier] | None,
        account_barriers: Sequence[PnlBoundsAccountAssetBarrierUpdate] | None,
    ) -> PnlBoundsUpdate:
        """Read an update's barriers: classes, assets, accounts and amounts are checked here.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: an empty asset, or a bound that is no amount.
        """
        broker, accounts = listed(broker_barriers), listed(account_barriers)
        return cls(
            None if broker is None else [read_barrier(item) for item in broker],
            None if accounts is None else [_read_update(item) for item in accounts],
        )


class PnlBoundsSettings(NamedTuple):
    """The bounds in force: by settlement asset, and by account and settlement asset."""

    broker: dict[str, PnlBounds]
    accounts: dict[tuple[int, str], PnlBounds]

    def updated(self, update: PnlBoundsUpdate) -> PnlBoundsSettings:
        """Return the settings after an update; of two barriers with one key the last counts.

        Raises:
            SettingsError: no barrier is left, or one without any bound.
        """
        settings = self
        # One axis after the other, each leaving a barrier: clearing the last broker barrier in the
        # call that brings the first account barrier is refused.
        if update.broker is not None:
            for asset, bounds in update.broker:
                _require_a_bound(asset, bounds)
            settings = _with_a_barrier(settings._replace(broker=dict(update.broker)))
        if update.accounts is not None:
            for (_, asset), bounds in update.accounts:
                _require_a_bound(asset, bounds)
            settings = _with_a_barrier(settings._replace(accounts=dict(update.accounts)))
        return settings

    def export(self) -> State:
        """Return the bounds as plain values."""
        return (
            [(asset, *_bounds_row(bounds)) for asset, bounds in self.broker.items()],
            [(*pair, *_bounds_row(bounds)) for pair, bounds in self.accounts.items()],
        )

    @classmethod
    def restored(cls, state: State) -> PnlBoundsSettings:
        """Return the settings that were exported."""
        broker, accounts = state
        return cls(
            {asset: _bounds_in(lower, upper) for asset, lower, upper in broker},
            {
                (account, asset): _bounds_in(lower, upper)
                for account, asset, lower, upper in accounts
            },
        )


def _bounds_row(bounds: PnlBounds) -> State:
    return optional_text(bounds.lower), optional_text(bounds.upper)


def _bounds_in(lower: State, upper: State) -> PnlBounds:
    return PnlBounds(optional_in(lower), optional_in(upper))


def _with_a_barrier(settings: PnlBoundsSettings) -> PnlBoundsSettings:
    if not (settings.broker or settings.accounts):
        raise SettingsError("at least one broker or account+asset barrier must be configured")
    return settings


def _require_a_bound(asset: str, bounds: PnlBounds) -> None:
    if bounds.lower is None and bounds.upper is None:
        raise SettingsError(
            "at least one of lower_bound or upper_bound must be configured "
            f"for settlement asset {asset}"
        )


def _read_update(item: object) -> tuple[tuple[int, str], PnlBounds]:
    item = expect(item, PnlBoundsAccountAssetBarrierUpdate)
    return read_account_barrier(item.barrier, item.account_id)


def read_barrier(barrier: object) -> tuple[str, PnlBounds]:
    """Return a checked barrier; see :meth:`PnlBoundsUpdate.read` for what it raises."""
    barrier = expect(barrier, PnlBoundsBrokerBarrier)
    lower, upper = barrier.lower_bound, barrier.upper_bound
    return asset_text(barrier.settlement_asset), PnlBounds(
        None if lower is None else decimal_of(Pnl(lower)),
        None if upper is None else decimal_of(Pnl(upper)),
    )


def read_account_barrier(barrier: object, account: object) -> tuple[tuple[int, str], PnlBounds]:
    """Return a checked barrier of one account; raises as :func:`read_barrier`."""
    asset, bounds = read_barrier(barrier)
    return (account_number(account), asset), bounds
