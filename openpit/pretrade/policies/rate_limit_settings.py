"""Settings of the rate limit policy: barriers, their validation."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.core.assets import asset_text
from openpit.pretrade.policies.arguments import (
    MODULE,
    U64_MAX,
    SettingsError,
    account_number,
    expect,
    flag,
    listed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit import param
    from openpit.pretrade.state_values import State

__all__ = [
    "NAME",
    "Rate",
    "RateLimit",
    "RateLimitAccountAssetBarrier",
    "RateLimitAccountBarrier",
    "RateLimitAssetBarrier",
    "RateLimitBrokerBarrier",
    "RateLimitSettings",
    "RateLimitUpdate",
    "by_account",
    "by_asset",
    "by_pair",
    "rate_of",
    "require_u64_window",
    "window_text",
]

NAME: Final = "RateLimitPolicy"

_MICROSECOND: Final = dt.timedelta(microseconds=1)
_UNITS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


@dataclass(frozen=True)
class RateLimit:
    """At most ``max_orders`` (>= 0) in any ``window`` (> 0, whole microseconds)."""

    __module__ = MODULE

    max_orders: int
    window: dt.timedelta


@dataclass(frozen=True)
class RateLimitBrokerBarrier:
    """A rate for all orders together, counted in fixed windows."""

    __module__ = MODULE

    limit: RateLimit


@dataclass(frozen=True)
class RateLimitAssetBarrier:
    """A rate for all orders settled in an asset, counted in fixed windows."""

    __module__ = MODULE

    limit: RateLimit
    settlement_asset: param.Asset | str


@dataclass(frozen=True)
class RateLimitAccountBarrier:
    """A rate for one account, over the window that ends now."""

    __module__ = MODULE

    limit: RateLimit
    account_id: param.AccountId


@dataclass(frozen=True)
class RateLimitAccountAssetBarrier:
    """A rate for one account's orders settled in an asset, over the window that ends now."""

    __module__ = MODULE

    limit: RateLimit
    account_id: param.AccountId
    settlement_asset: param.Asset | str


class Rate(NamedTuple):
    """A checked rate: orders per window of so many nanoseconds."""

    max_orders: int
    window: int


class RateLimitUpdate(NamedTuple):
    """New barriers by axis; None keeps an axis as it is.

    All barriers are there, in their order: the last one of a key counts, but each must be valid.
    """

    broker: Rate | None
    clear_broker: bool
    assets: list[tuple[str | None, Rate]] | None
    accounts: list[tuple[int | None, Rate]] | None
    account_assets: list[tuple[tuple[int | None, str | None], Rate]] | None

    @classmethod
    def read(
        cls,
        broker: RateLimitBrokerBarrier | None,
        clear_broker: bool,  # noqa: FBT001 - the caller's keyword, passed on
        asset_barriers: Sequence[RateLimitAssetBarrier] | None,
        account_barriers: Sequence[RateLimitAccountBarrier] | None,
        account_asset_barriers: Sequence[RateLimitAccountAssetBarrier] | None,
    ) -> RateLimitUpdate:
        """Read an update's barriers: classes, counts, assets and accounts are checked here.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: an empty asset, or a broker barrier that is set and cleared at once.
            OverflowError: ``max_orders`` outside 0..2**64-1.
        """
        clears = flag(clear_broker)
        assets, accounts = listed(asset_barriers), listed(account_barriers)
        pairs = listed(account_asset_barriers)
        if broker is not None and clears:
            raise ValueError("broker and clear_broker cannot both be provided")
        return cls(
            None if broker is None else rate_of(expect(broker, RateLimitBrokerBarrier).limit),
            clears,
            None if assets is None else by_asset(assets),
            None if accounts is None else by_account(accounts),
            None if pairs is None else by_pair(pairs),
        )


class RateLimitSettings(NamedTuple):
    """The rates in force, by axis."""

    broker: Rate | None
    assets: dict[str | None, Rate]
    accounts: dict[int | None, Rate]
    account_assets: dict[tuple[int | None, str | None], Rate]

    @property
    def reads_instrument(self) -> bool:
        """Whether an order without an instrument is rejected, and counts nowhere."""
        return bool(self.assets or self.account_assets)

    @property
    def reads_account(self) -> bool:
        """Whether an order without an account is rejected, and counts nowhere."""
        return bool(self.accounts or self.account_assets)

    def updated(self, update: RateLimitUpdate) -> RateLimitSettings:
        """Return the settings after an update.

        Raises:
            SettingsError: a window is zero or does not fit 64 bits of nanoseconds.
        """
        rates = [update.broker] if update.broker is not None else []
        for axis in (update.assets, update.accounts, update.account_assets):
            rates += [rate for _, rate in axis or ()]
        for rate in rates:
            if not 0 < rate.window <= U64_MAX:
                raise SettingsError(
                    "rate limit window must be positive and fit in u64 nanoseconds, "
                    f"got {window_text(rate.window)}"
                )
        return RateLimitSettings(
            None if update.clear_broker else update.broker or self.broker,
            self.assets if update.assets is None else dict(update.assets),
            self.accounts if update.accounts is None else dict(update.accounts),
            self.account_assets if update.account_assets is None else dict(update.account_assets),
        )

    def export(self) -> State:
        """Return the rates as plain values."""
        return (
            self.broker,
            [(asset, *rate) for asset, rate in self.assets.items()],
            [(account, *rate) for account, rate in self.accounts.items()],
            [(*pair, *rate) for pair, rate in self.account_assets.items()],
        )

    @classmethod
    def restored(cls, state: State) -> RateLimitSettings:
        """Return the settings that were exported."""
        broker, assets, accounts, pairs = state
        return cls(
            None if broker is None else Rate(*broker),
            {asset: Rate(*rate) for asset, *rate in assets},
            {account: Rate(*rate) for account, *rate in accounts},
            {(account, asset): Rate(*rate) for account, asset, *rate in pairs},
        )


def by_asset(items: Sequence[object]) -> list[tuple[str | None, Rate]]:
    """Return the rates of asset barriers, duplicates included."""
    barriers = (expect(item, RateLimitAssetBarrier) for item in items)
    return [(asset_text(item.settlement_asset), rate_of(item.limit)) for item in barriers]


def by_account(items: Sequence[object]) -> list[tuple[int | None, Rate]]:
    """Return the rates of account barriers, duplicates included."""
    barriers = (expect(item, RateLimitAccountBarrier) for item in items)
    return [(account_number(item.account_id), rate_of(item.limit)) for item in barriers]


def by_pair(items: Sequence[object]) -> list[tuple[tuple[int | None, str | None], Rate]]:
    """Return the rates of account+asset barriers, duplicates included."""
    barriers = (expect(item, RateLimitAccountAssetBarrier) for item in items)
    return [
        ((account_number(item.account_id), asset_text(item.settlement_asset)), rate_of(item.limit))
        for item in barriers
    ]


def rate_of(limit: object) -> Rate:
    """Return a checked rate; see :meth:`RateLimitUpdate.read` for what it raises."""
    limit = expect(limit, RateLimit)
    max_orders, window = limit.max_orders, limit.window
    if not isinstance(max_orders, int):
        raise TypeError(f"'{type(max_orders).__name__}' object cannot be interpreted as an integer")
    if max_orders < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if max_orders > U64_MAX:
        raise OverflowError("int too big to convert")
    if not isinstance(window, dt.timedelta):
        raise TypeError("RateLimit.window must be datetime.timedelta")
    if window < dt.timedelta(0):
        raise ValueError("RateLimit.window must not be negative")
    return Rate(int(max_orders), window // _MICROSECOND * 1000)


def require_u64_window(limit: object) -> None:
    """Refuse a window that 64 bits of nanoseconds cannot hold, as a builder does: OverflowError.

    The configurator reports the same window as settings that the policy cannot work with.
    """
    window = getattr(limit, "window", None)
    if isinstance(window, dt.timedelta):
        if window < dt.timedelta(0):
            raise OverflowError("can't convert negative int to unsigned")
        if window // _MICROSECOND * 1000 > U64_MAX:
            raise OverflowError("int too big to convert")


@lru_cache(maxsize=64)  # each reject says it
def window_text(window: int) -> str:
    """Return a length of time in nanoseconds in its largest fitting unit: ``1.5s``, ``7µs``."""
    for unit, name in _UNITS:
        if window >= unit:
            whole, rest = divmod(window, unit)
            digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
            return f"{whole}.{digits}{name}" if digits else f"{whole}{name}"
    return "0ns"
