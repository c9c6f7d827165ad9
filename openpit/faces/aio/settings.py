"""The handle on settings of the asyncio face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.settings import Blocks, SettingCalls
from openpit.core.opaque import Opaque
from openpit.pretrade.results import (
    AccountBlockOutcomes,
    PolicyConfigurationResult,
    new_account_block_outcomes,
    new_policy_configuration_result,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import EllipsisType

    from openpit.param.ids import AccountId, Asset
    from openpit.param.values import Pnl
    from openpit.pretrade import PnlHaltReason
    from openpit.pretrade import policies as settings

__all__ = ["AsyncShardedConfigurator", "new_async_sharded_configurator"]


class AsyncShardedConfigurator(Opaque):
    """Changes the settings of built-in policies while the engine runs; outlives the engine.

    The methods are those of ``openpit.Engine.configure()``, with the same errors. A change applies
    to all shards or to none.
    """

    __slots__ = ("_calls", "_driver", "_engine")
    __module__ = "openpit"

    _calls: SettingCalls
    _driver: Any
    _engine: object

    @classmethod
    def _of(cls, driver: Any, engine: object = None) -> AsyncShardedConfigurator:
        """Return a configurator; it keeps the engine, if there is one, in use."""
        self: AsyncShardedConfigurator = object.__new__(cls)
        self._engine = engine
        self._driver = driver
        self._calls = SettingCalls(driver)
        return self

    async def apply_all(
        self, changes: Iterable[tuple[str, Mapping[str, Any]]]
    ) -> AccountBlockOutcomes:
        """Make several changes at one point of every account's order: all of them, or none.

        A change is the name of a method below and its arguments by name, the policy's ``name``
        among them; see :meth:`openpit.Configurator.apply_all`. Returns the blocks that they
        recorded, sorted by account id.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: a method that is none of these, or a second change of one policy by it.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        blocks: Blocks = await self._driver.run(self._calls.together, changes)
        return new_account_block_outcomes(blocks)

    async def rate_limit(
        self,
        name: str,
        *,
        broker: settings.RateLimitBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.RateLimitAssetBarrier] | None = None,
        account_barriers: Sequence[settings.RateLimitAccountBarrier] | None = None,
        account_asset_barriers: Sequence[settings.RateLimitAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the barriers of some axes: None keeps an axis, an empty list clears it.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank, or ``broker`` is given with ``clear_broker``.
            OverflowError: a count does not fit into 64 bits.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {
            "broker": broker,
            "clear_broker": clear_broker,
            "asset_barriers": asset_barriers,
            "account_barriers": account_barriers,
            "account_asset_barriers": account_asset_barriers,
        }
        await self._driver.run(self._calls.of_all, "rate_limit", name, values)

    async def order_size_limit(
        self,
        name: str,
        *,
        broker: settings.OrderSizeBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.OrderSizeAssetBarrier] | None = None,
        account_asset_barriers: Sequence[settings.OrderSizeAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the caps of some axes: None keeps an axis, an empty list clears it.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank, or ``broker`` is given with ``clear_broker``.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {
            "broker": broker,
            "clear_broker": clear_broker,
            "asset_barriers": asset_barriers,
            "account_asset_barriers": account_asset_barriers,
        }
        await self._driver.run(self._calls.of_all, "order_size_limit", name, values)

    async def pnl_bounds_killswitch(
        self,
        name: str,
        *,
        broker_barriers: Sequence[settings.PnlBoundsBrokerBarrier] | None = None,
        account_barriers: Sequence[settings.PnlBoundsAccountAssetBarrierUpdate] | None = None,
    ) -> None:
        """Replace the bounds of some axes; realized PnL stays, and the next order decides.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {"broker_barriers": broker_barriers, "account_barriers": account_barriers}
        await self._driver.run(self._calls.of_all, "pnl_bounds_killswitch", name, values)

    async def set_account_pnl(
        self, name: str, *, account: AccountId, settlement_asset: Asset | str, pnl: Pnl
    ) -> None:
        """Set an account's realized PnL in a settlement asset; blocks stay as they are.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: the asset is blank, or ``pnl`` no amount.
            ParamError: ``pnl`` is not one that ``Pnl`` takes.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {"account": account, "settlement_asset": settlement_asset, "pnl": pnl}
        await self._driver.run(self._calls.of_account, "set_account_pnl", name, values)

    async def spot_funds(
        self,
        name: str,
        *,
        global_slippage_bps: int | None = None,
        pricing_source: settings.SpotFundsPricingSource | None = None,
        overrides: Sequence[settings.SpotFundsOverrideEntry] | EllipsisType = ...,
        global_limit_mode: settings.SpotFundsLimitMode | None = None,
        account_limit_modes: Sequence[settings.SpotFundsLimitModeAccountEntry] | EllipsisType = ...,
        account_group_limit_modes: Sequence[settings.SpotFundsLimitModeAccountGroupEntry]
        | EllipsisType = ...,
        position_limits: Sequence[settings.SpotFundsPositionLimitEntry] | EllipsisType = ...,
    ) -> None:
        """Set or clear single entries; what is not listed stays.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank.
            OverflowError: ``global_slippage_bps`` does not fit into 16 bits.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {
            "global_slippage_bps": global_slippage_bps,
            "pricing_source": pricing_source,
            "overrides": overrides,
            "global_limit_mode": global_limit_mode,
            "account_limit_modes": account_limit_modes,
            "account_group_limit_modes": account_group_limit_modes,
            "position_limits": position_limits,
        }
        await self._driver.run(self._calls.of_all, "spot_funds", name, values)

    async def spot_funds_pnl_bounds_killswitch(
        self,
        name: str,
        *,
        global_barrier: settings.SpotFundsPnlBoundsBarrier | EllipsisType | None = ...,
        account_group_barriers: Sequence[settings.SpotFundsPnlBoundsAccountGroupBarrier]
        | None = None,
        account_barriers: Sequence[settings.SpotFundsPnlBoundsAccountBarrier] | None = None,
    ) -> AccountBlockOutcomes:
        """Replace PnL barriers; accounts whose effective barrier changes are looked at at once.

        Returns the blocks that this recorded, sorted by account id.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: a currency is blank.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {
            "global_barrier": global_barrier,
            "account_group_barriers": account_group_barriers,
            "account_barriers": account_barriers,
        }
        blocks: Blocks = await self._driver.run(
            self._calls.of_all, "spot_funds_pnl_bounds_killswitch", name, values
        )
        return new_account_block_outcomes(blocks)

    async def set_spot_funds_account_pnl(
        self, name: str, *, account: AccountId, state: Pnl | PnlHaltReason
    ) -> PolicyConfigurationResult:
        """Set or halt an account's PnL; the result lists the block that follows, if any.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: ``state`` is no amount.
            ParamError: ``state`` is not one that ``Pnl`` takes.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        values = {"account": account, "state": state}
        blocks: Blocks | None = await self._driver.run(
            self._calls.of_account, "set_spot_funds_account_pnl", name, values
        )
        return new_policy_configuration_result(blocks or [])


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_async_sharded_configurator = AsyncShardedConfigurator._of
