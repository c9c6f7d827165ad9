"""Policies from a TOML file: each table becomes a built-in policy through its public builder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpit.limits.broad import BroadLimits, BroadRate
from openpit.limits.first_funds import Funds
from openpit.limits.starts import Starts
from openpit.limits.tables import ConfigError, Table, located, parse
from openpit.param.values import Pnl, Quantity, Volume
from openpit.pretrade.policies import (
    OrderSizeAccountAssetBarrier,
    OrderSizeAssetBarrier,
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsAccountAssetBarrier,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAccountAssetBarrier,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_order_validation,
    build_pnl_bounds_killswitch,
    build_rate_limit,
    build_spot_funds,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

__all__ = ["Policies", "load", "loads", "pnl_axes", "rate_axes", "size_axes"]

SPOT_FUNDS = "spot_funds"
RATE_LIMIT = "rate_limit"
KILL_SWITCH = "pnl_bounds_killswitch"

MAX_GROUP = (1 << 16) - 1
"""Largest policy group id."""


class Policies:
    """The policies of a limits file, in the order of its tables: made by :func:`load`.

    ``add_to()`` gives them to an engine's builder; ``prepare()`` then tells the engine what no
    builder takes: first funds, position limits, the accounts' currency.
    """

    __slots__ = ("_builders", "_funds", "broad_limits", "starts", "text")

    def __init__(
        self,
        builders: dict[str, Any],
        funds: Funds | None,
        starts: Starts | None,
        broad_limits: BroadLimits | None = None,
        text: str = "",
    ) -> None:
        self._builders = builders
        self._funds = funds
        self.text = text
        """What they were read from: an error that is found later names its line."""
        self.starts = starts
        """Accounts that may be outside their bounds from the start; None if there are none."""
        self.broad_limits = broad_limits
        """Rates that span accounts; None if there are none."""

    def add_to(self, stage: Any) -> Any:
        """Add every policy to an engine's builder, of any stage, and return its next stage.

        Raises:
            ConfigError: a policy cannot work with its settings; the text is the policy's.
        """
        for name, builder in self._builders.items():
            try:
                stage = stage.builtin(builder)
            except (ValueError, OverflowError) as error:
                with located(self.text):
                    raise ConfigError(f"[{name}] {error}", (name,)) from None
        return stage

    def prepare(self, engine: Any) -> None:
        """Tell a built engine, of one process or sharded, what its builder could not be told.

        Raises:
            ConfigError: an account cannot get its first funds. Those before it have theirs.
        """
        if self._funds is not None:
            self._funds.prepare(engine)

    async def prepare_async(self, engine: Any) -> None:
        """Tell an asyncio engine, as :meth:`prepare`.

        Raises:
            ConfigError: as :meth:`prepare`.
        """
        if self._funds is not None:
            await self._funds.prepare_async(engine)

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return the settings by table, in the form of :meth:`openpit.Engine.settings`.

        What is of the start alone (funds, first PnLs, the accounts' currency) is not among them.

        Raises:
            ConfigError: as :meth:`add_to`.
        """
        # A load test has this module drive the reference, which has no such engine.
        from openpit.limits.drafts import Draft  # noqa: PLC0415 - as above

        draft: Draft = self.add_to(Draft())
        return draft.settings(self._funds)


def load(path: str | os.PathLike[str]) -> Policies:
    """Return the policies that a limits file (TOML, UTF-8) describes.

    Raises:
        ConfigError: it is no TOML or no UTF-8, a table, key or value is wrong, or there is no
            policy in it; the text names the file, table, key and line.
        OSError: it cannot be read.
    """
    try:
        return loads(Path(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except ConfigError as error:
        error.args = (f"{path}: {error}",)
        raise


def loads(text: str) -> Policies:
    """Return the policies that a TOML text describes.

    Raises:
        ConfigError: it is no TOML, a table, key or value is wrong, or there is no policy in it;
            the text names table, key and line.
    """
    with located(text):
        return _loaded(text)


def _loaded(text: str) -> Policies:
    builders = {}
    funds = None
    starts = None
    broad_limits = None
    for name, values in parse(text).items():
        read = _READERS.get(name)
        if read is None:
            tables = ", ".join(_READERS)
            raise ConfigError(f"unknown table [{name}] (tables: {tables})", (name,))
        if not isinstance(values, dict):
            raise ConfigError(f"[{name}] must be a table", (name,))
        table = Table(name, values)
        builder = read(table)
        if name == SPOT_FUNDS:
            funds = Funds(table)
        if name == KILL_SWITCH:
            starts = Starts(table) or None
        if name == RATE_LIMIT:
            broad_limits = _broad_limits(table)
        group_id = table.optional_count("policy_group_id", MAX_GROUP)
        table.finish()
        builders[name] = builder.with_policy_group_id(group_id) if group_id else builder
    if not builders:
        raise ConfigError(f"no policy is configured (tables: {', '.join(_READERS)})")
    return Policies(builders, funds, starts, broad_limits, text)


def _order_validation(_: Table) -> Any:
    return build_order_validation()


def rate_axes(table: Table) -> dict[str, list[Any]]:
    """Return the barriers of a `[rate_limit]` table by axis."""
    return {
        "broker": _each(_broker(table), lambda row: RateLimitBrokerBarrier(_rate(row))),
        "asset_barriers": _each(
            table.tables("asset"),
            lambda row: RateLimitAssetBarrier(_rate(row), row.asset("settlement_asset")),
            "settlement_asset",
        ),
        "account_barriers": _each(
            table.tables("account"),
            lambda row: RateLimitAccountBarrier(_rate(row), row.account("account")),
            "account",
        ),
        "account_asset_barriers": _each(
            table.tables("account_asset"),
            lambda row: RateLimitAccountAssetBarrier(
                _rate(row), row.account("account"), row.asset("settlement_asset")
            ),
            "account",
            "settlement_asset",
        ),
    }


def _rate_limit(table: Table) -> Any:
    axes = rate_axes(table)
    ready = build_rate_limit().asset_barriers(*axes["asset_barriers"])
    ready.account_barriers(*axes["account_barriers"])
    ready.account_asset_barriers(*axes["account_asset_barriers"])
    if axes["broker"]:
        ready.broker_barrier(*axes["broker"])
    return ready


def _broad_limits(table: Table) -> BroadLimits | None:
    broker = [_broad_rate(row) for row in _broker(table)]
    assets = {str(row.asset("settlement_asset")): _broad_rate(row) for row in table.tables("asset")}
    return BroadLimits(broker[0] if broker else None, assets) if broker or assets else None


def _broad_rate(row: Table) -> BroadRate:
    window = row.window("window") // timedelta(microseconds=1) * 1000
    return BroadRate(row.count("max_orders"), window)


def size_axes(table: Table) -> dict[str, list[Any]]:
    """Return the barriers of an `[order_size_limit]` table by axis."""
    return {
        "broker": _each(_broker(table), lambda row: OrderSizeBrokerBarrier(_size(row))),
        "asset_barriers": _each(
            table.tables("asset"),
            lambda row: OrderSizeAssetBarrier(_size(row), row.asset("asset")),
            "asset",
        ),
        "account_asset_barriers": _each(
            table.tables("account_asset"),
            lambda row: OrderSizeAccountAssetBarrier(
                _size(row), row.account("account"), row.asset("asset")
            ),
            "account",
            "asset",
        ),
    }


def _order_size_limit(table: Table) -> Any:
    axes = size_axes(table)
    ready = build_order_size_limit().asset_barriers(*axes["asset_barriers"])
    ready.account_asset_barriers(*axes["account_asset_barriers"])
    if axes["broker"]:
        ready.broker_barrier(*axes["broker"])
    return ready


def pnl_axes(table: Table) -> dict[str, list[Any]]:
    """Return the barriers of a `[pnl_bounds_killswitch]` table by axis."""
    return {
        "broker_barriers": _each(table.tables("broker"), _pnl_bounds, "settlement_asset"),
        "account_barriers": _each(
            table.tables("account"),
            lambda row: PnlBoundsAccountAssetBarrier(
                _pnl_bounds(row),
                row.account("account"),
                row.optional_amount("initial_pnl", Pnl) or Pnl.ZERO,
            ),
            "account",
            "settlement_asset",
        ),
    }


def _pnl_bounds_killswitch(table: Table) -> Any:
    axes = pnl_axes(table)
    ready = build_pnl_bounds_killswitch().broker_barriers(*axes["broker_barriers"])
    ready.account_barriers(*axes["account_barriers"])
    return ready


def _broker(table: Table) -> list[Table]:
    broker = table.table("broker")
    return [] if broker is None else [broker]


def _spot_funds(_: Table) -> Any:
    return build_spot_funds()


_READERS: dict[str, Callable[[Table], Any]] = {
    "order_validation": _order_validation,
    RATE_LIMIT: _rate_limit,
    "order_size_limit": _order_size_limit,
    KILL_SWITCH: _pnl_bounds_killswitch,
    SPOT_FUNDS: _spot_funds,
}


def _rate(row: Table) -> RateLimit:
    return RateLimit(max_orders=row.count("max_orders"), window=row.window("window"))


def _size(row: Table) -> OrderSizeLimit:
    if not row.has("max_quantity") and not row.has("max_notional"):
        raise row.error("give max_quantity, max_notional, or both")
    return OrderSizeLimit(
        max_quantity=row.optional_amount("max_quantity", Quantity),
        max_notional=row.optional_amount("max_notional", Volume),
    )


def _pnl_bounds(row: Table) -> PnlBoundsBrokerBarrier:
    return PnlBoundsBrokerBarrier(
        settlement_asset=row.asset("settlement_asset"),
        lower_bound=row.optional_amount("lower_bound", Pnl),
        upper_bound=row.optional_amount("upper_bound", Pnl),
    )


def _each(rows: list[Table], barrier: Callable[[Table], Any], *keys: str) -> list[Any]:
    """Return one barrier per row, having checked that nothing is left over in the row.

    ``keys`` say what a barrier is for; there is one at most for the same.
    """
    barriers = []
    places: dict[tuple[object, ...], str] = {}
    for row in rows:
        barriers.append(barrier(row))
        row.finish()
        if keys:
            row.refuse_twin(places, *keys)
    return barriers
