"""Settings of the order size limit policy: caps, barriers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from openpit.core.assets import asset_text
from openpit.param.fixed_decimal import decimal_of
from openpit.param.values import Quantity, Volume
from openpit.pretrade.policies.arguments import (
    MODULE,
    SettingsError,
    account_number,
    expect,
    flag,
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
    "Cap",
    "OrderSizeAccountAssetBarrier",
    "OrderSizeAssetBarrier",
    "OrderSizeBrokerBarrier",
    "OrderSizeLimit",
    "OrderSizeSettings",
    "OrderSizeUpdate",
    "asset_caps",
    "cap_of",
    "pair_caps",
]

NAME: Final = "OrderSizeLimitPolicy"

_Key = TypeVar("_Key", str | None, tuple[int | None, str | None])


class OrderSizeLimit:
    """Caps on one order: quantity, notional, or both; an order at the cap passes.

    Raises:
        ParamError: a cap that is negative or no number.
        TypeError: a value of another openpit type.
    """

    __slots__ = ("_max_notional", "_max_quantity")
    __module__ = MODULE

    def __init__(
        self,
        *,
        max_quantity: Quantity | Decimal | str | float | None = None,
        max_notional: Volume | Decimal | str | float | None = None,
    ) -> None:
        self._max_quantity = None if max_quantity is None else decimal_of(Quantity(max_quantity))
        self._max_notional = None if max_notional is None else decimal_of(Volume(max_notional))


@dataclass(frozen=True)
class OrderSizeBrokerBarrier:
    """Caps on every order."""

    __module__ = MODULE

    limit: OrderSizeLimit


@dataclass(frozen=True)
class OrderSizeAssetBarrier:
    """Caps on orders in an asset: its quantity where it is traded, its notional where it pays."""

    __module__ = MODULE

    limit: OrderSizeLimit
    asset: param.Asset | str


@dataclass(frozen=True)
class OrderSizeAccountAssetBarrier:
    """Caps on one account's orders in an asset; goes before the asset's own."""

    __module__ = MODULE

    limit: OrderSizeLimit
    account_id: param.AccountId
    asset: param.Asset | str


class Cap(NamedTuple):
    """A checked limit; None leaves its metric free."""

    quantity: Decimal | None
    notional: Decimal | None


_AssetCaps = dict[str | None, Cap]
_PairCaps = dict[tuple[int | None, str | None], Cap]


class OrderSizeUpdate(NamedTuple):
    """New barriers by axis; None keeps an axis. Duplicates are found when it is applied."""

    broker: Cap | None
    clear_broker: bool
    assets: list[tuple[str | None, Cap]] | None
    account_assets: list[tuple[tuple[int | None, str | None], Cap]] | None

    @classmethod
    def read(
        cls,
        broker: OrderSizeBrokerBarrier | None,
        clear_broker: bool,  # noqa: FBT001 - the caller's keyword, passed on
        asset_barriers: Sequence[OrderSizeAssetBarrier] | None,
        account_asset_barriers: Sequence[OrderSizeAccountAssetBarrier] | None,
    ) -> OrderSizeUpdate:
        """Read an update's barriers: classes, assets and accounts are checked here.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: an empty asset, or a broker barrier that is set and cleared at once.
        """
        clears = flag(clear_broker)
        assets, pairs = listed(asset_barriers), listed(account_asset_barriers)
        if broker is not None and clears:
            raise ValueError("broker and clear_broker cannot both be provided")
        return cls(
            None if broker is None else cap_of(expect(broker, OrderSizeBrokerBarrier).limit),
            clears,
            None if assets is None else asset_caps(assets),
            None if pairs is None else pair_caps(pairs),
        )


class OrderSizeSettings(NamedTuple):
    """The caps in force, by axis."""

    broker: Cap | None
    assets: _AssetCaps
    account_assets: _PairCaps

    def updated(self, update: OrderSizeUpdate) -> OrderSizeSettings:
        """Return the settings after an update.

        Raises:
            SettingsError: a barrier without any cap, or two barriers of one key.
        """
        broker = None if update.clear_broker else update.broker or self.broker
        if broker is not None:
            _require_a_cap(broker)
        assets, pairs = self.assets, self.account_assets
        if update.assets is not None:
            assets = {}
            for asset, cap in update.assets:
                _add(assets, asset, cap, f"duplicate asset barrier for asset {asset}")
        if update.account_assets is not None:
            pairs = {}
            for pair, cap in update.account_assets:
                _add(pairs, pair, cap, f"duplicate account+asset barrier for asset {pair[1]}")
        return OrderSizeSettings(broker, assets, pairs)

    def export(self) -> State:
        """Return the caps as plain values."""
        return (
            _cap_row(self.broker),
            [(asset, _cap_row(cap)) for asset, cap in self.assets.items()],
            [(*pair, _cap_row(cap)) for pair, cap in self.account_assets.items()],
        )

    @classmethod
    def restored(cls, state: State) -> OrderSizeSettings:
        """Return the settings that were exported."""
        broker, assets, pairs = state
        return cls(
            _cap_in(broker),
            {asset: _some_cap(cap) for asset, cap in assets},
            {(account, asset): _some_cap(cap) for account, asset, cap in pairs},
        )


def _cap_row(cap: Cap | None) -> State:
    return None if cap is None else (optional_text(cap.quantity), optional_text(cap.notional))


def _cap_in(row: State) -> Cap | None:
    return None if row is None else _some_cap(row)


def _some_cap(row: State) -> Cap:
    quantity, notional = row
    return Cap(optional_in(quantity), optional_in(notional))


def _add(caps: dict[_Key, Cap], key: _Key, cap: Cap, duplicate: str) -> None:
    _require_a_cap(cap)
    if key in caps:
        raise SettingsError(duplicate)
    caps[key] = cap


def _require_a_cap(cap: Cap) -> None:
    if cap.quantity is None and cap.notional is None:
        raise SettingsError("at least one of max_quantity or max_notional must be configured")


def cap_of(limit: object) -> Cap:
    """Return a barrier's caps; TypeError for another class."""
    if not isinstance(limit, OrderSizeLimit):
        raise TypeError("limit must be OrderSizeLimit")
    return Cap(limit._max_quantity, limit._max_notional)


def asset_caps(items: Sequence[object]) -> list[tuple[str | None, Cap]]:
    """Return the caps of asset barriers, duplicates included."""
    barriers = (expect(item, OrderSizeAssetBarrier) for item in items)
    return [(asset_text(item.asset), cap_of(item.limit)) for item in barriers]


def pair_caps(items: Sequence[object]) -> list[tuple[tuple[int | None, str | None], Cap]]:
    """Return the caps of account+asset barriers, duplicates included."""
    barriers = (expect(item, OrderSizeAccountAssetBarrier) for item in items)
    return [
        ((account_number(item.account_id), asset_text(item.asset)), cap_of(item.limit))
        for item in barriers
    ]
