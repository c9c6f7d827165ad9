"""Settings in force as tables of plain values, in the shape of a `limits.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.param.decimals import plain

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.order_size_limit_settings import Cap, OrderSizeSettings
    from openpit.pretrade.policies.pnl_bounds_settings import PnlBounds, PnlBoundsSettings
    from openpit.pretrade.policies.rate_limit_settings import Rate, RateLimitSettings
    from openpit.pretrade.policies.spot_funds.settings import Settings

__all__ = ["SettingsTable", "funds_table", "pnl_table", "rates_table", "sizes_table"]

SettingsTable: TypeAlias = "dict[str, Any]"
"""Keys of a table with texts, whole numbers, tables, and lists of tables."""

_UNITS: Final = (
    (3_600_000_000_000, "h"),
    (60_000_000_000, "m"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
)


def rates_table(settings: RateLimitSettings) -> SettingsTable:
    """Return rates by axis."""
    return _without_nothing(
        broker=None if settings.broker is None else _rate(settings.broker),
        asset=[{"settlement_asset": one, **_rate(rate)} for one, rate in settings.assets.items()],
        account=[{"account": one, **_rate(rate)} for one, rate in settings.accounts.items()],
        account_asset=[
            {"account": account, "settlement_asset": asset, **_rate(rate)}
            for (account, asset), rate in settings.account_assets.items()
        ],
    )


def sizes_table(settings: OrderSizeSettings) -> SettingsTable:
    """Return caps by axis."""
    return _without_nothing(
        broker=None if settings.broker is None else _cap(settings.broker),
        asset=[{"asset": asset, **_cap(cap)} for asset, cap in settings.assets.items()],
        account_asset=[
            {"account": account, "asset": asset, **_cap(cap)}
            for (account, asset), cap in settings.account_assets.items()
        ],
    )


def pnl_table(settings: PnlBoundsSettings) -> SettingsTable:
    """Return bounds by axis."""
    return _without_nothing(
        broker=[
            {"settlement_asset": asset, **_bounds(bounds)}
            for asset, bounds in settings.broker.items()
        ],
        account=[
            {"account": account, "settlement_asset": asset, **_bounds(bounds)}
            for (account, asset), bounds in settings.accounts.items()
        ],
    )


def funds_table(settings: Settings) -> SettingsTable:
    """Return the limit mode of all, and the position limits of accounts."""
    return _without_nothing(
        limit_mode="TrackOnly" if settings.track_only else "Enforce",
        position_limit=[
            {"account": account, "asset": asset, "limit": plain(limit)}
            for account, limits in sorted(settings.position_limits.items())
            for asset, limit in sorted(limits.items())
        ],
    )


def _rate(rate: Rate) -> SettingsTable:
    unit, name = next(one for one in _UNITS if rate.window % one[0] == 0)
    return {"max_orders": rate.max_orders, "window": f"{rate.window // unit}{name}"}


def _cap(cap: Cap) -> SettingsTable:
    return _without_nothing(max_quantity=_text(cap.quantity), max_notional=_text(cap.notional))


def _bounds(bounds: PnlBounds) -> SettingsTable:
    return _without_nothing(lower_bound=_text(bounds.lower), upper_bound=_text(bounds.upper))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _without_nothing(**values: Any) -> SettingsTable:
    return {key: value for key, value in values.items() if value not in (None, [])}
