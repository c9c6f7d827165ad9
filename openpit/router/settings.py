"""The public handle on the settings of a sharded engine's policies. Follows spec section 10.

Settings are validated once, on the router's prototype engine, and then applied on every shard. What
belongs to one account goes to its shard alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from openpit.core.opaque import Opaque
from openpit.engine.configurator import Configurator
from openpit.param.ids import AccountId
from openpit.pretrade.results import AccountBlockOutcomes, PolicyConfigurationResult
from openpit.router.wide import everywhere, refuse_stalled
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import EllipsisType

    from openpit.param.ids import Asset
    from openpit.param.values import Pnl
    from openpit.pretrade import PnlHaltReason
    from openpit.pretrade import policies as settings
    from openpit.pretrade.rejects import AccountBlock
    from openpit.router.calls import Call, Steps
    from openpit.router.core import RouterCore

__all__ = ["Blocks", "SettingCalls", "ShardedConfigurator"]

Blocks = list[tuple[int, "AccountBlock"]]


def _merged(answers: list[Blocks | None]) -> Blocks:
    """Return the blocks of all shards, sorted by account."""
    blocks = [block for answer in answers for block in answer or ()]
    return sorted(blocks, key=lambda block: block[0])


class SettingCalls:
    """The calls behind the methods of both faces' handles."""

    __slots__ = ("_core", "_prototype")

    def __init__(self, core: RouterCore) -> None:
        self._core = core
        self._prototype = Configurator._of(core.prototype)

    def of_all(self, now: int, method: str, name: str, values: dict[str, object]) -> Call:
        """Validate on the prototype, which takes the settings too, and apply on every shard."""
        given = {key: value for key, value in values.items() if value is not ...}
        return self._core.procedure(now, self._settings, now, method, name, given)

    def _settings(
        self, core: RouterCore, now: int, method: str, name: str, given: dict[str, object]
    ) -> Steps:
        refuse_stalled(core.links)  # before the prototype takes them
        # Only when its turn has come: the router counts by the settings that the shards will have.
        validate = partial(getattr(self._prototype, method), name, **given)
        try:
            arguments = encode({"name": name, **given}, bare=True)
        except TypeError:
            validate()  # says what is wrong with it; nothing has been applied anywhere
            raise
        validate()
        command = (kinds.CONFIGURE, None, now, method, arguments)
        blocks = yield from everywhere(core, command, _merged)
        return blocks

    def of_account(self, now: int, method: str, name: str, values: dict[str, object]) -> Call:
        """Apply on the account's shard, which validates as well."""
        account = values["account"]
        if isinstance(account, AccountId):
            try:
                return self._core.configure(now, account._value, method, {"name": name, **values})
            except TypeError:
                getattr(self._prototype, method)(name, **values)  # says what is wrong with it
                raise
        getattr(self._prototype, method)(name, **values)
        raise AssertionError(f"{method} took an account of no account's class: {values!r}")


class ShardedConfigurator(Opaque):
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
    def _of(cls, driver: Any, engine: object = None) -> ShardedConfigurator:
        """Return a configurator; it keeps the engine, if there is one, in use."""
        self: ShardedConfigurator = object.__new__(cls)
        self._engine = engine
        self._driver = driver
        self._calls = SettingCalls(driver.core)
        return self

    def rate_limit(
        self,
        name: str,
        *,
        broker: settings.RateLimitBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.RateLimitAssetBarrier] | None = None,
        account_barriers: Sequence[settings.RateLimitAccountBarrier] | None = None,
        account_asset_barriers: Sequence[settings.RateLimitAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the barriers of some axes: None keeps an axis, an empty list clears it."""
        values = {
            "broker": broker,
            "clear_broker": clear_broker,
            "asset_barriers": asset_barriers,
            "account_barriers": account_barriers,
            "account_asset_barriers": account_asset_barriers,
        }
        self._driver.run(self._calls.of_all, "rate_limit", name, values)

    def order_size_limit(
        self,
        name: str,
        *,
        broker: settings.OrderSizeBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.OrderSizeAssetBarrier] | None = None,
        account_asset_barriers: Sequence[settings.OrderSizeAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the caps of some axes: None keeps an axis, an empty list clears it."""
        values = {
            "broker": broker,
            "clear_broker": clear_broker,
            "asset_barriers": asset_barriers,
            "account_asset_barriers": account_asset_barriers,
        }
        self._driver.run(self._calls.of_all, "order_size_limit", name, values)

    def pnl_bounds_killswitch(
        self,
        name: str,
        *,
        broker_barriers: Sequence[settings.PnlBoundsBrokerBarrier] | None = None,
        account_barriers: Sequence[settings.PnlBoundsAccountAssetBarrierUpdate] | None = None,
    ) -> None:
        """Replace the bounds of some axes; realized PnL stays, and the next order decides."""
        values = {"broker_barriers": broker_barriers, "account_barriers": account_barriers}
        self._driver.run(self._calls.of_all, "pnl_bounds_killswitch", name, values)

    def set_account_pnl(
        self, name: str, *, account: AccountId, settlement_asset: Asset | str, pnl: Pnl
    ) -> None:
        """Set an account's realized PnL in a settlement asset; blocks stay as they are."""
        values = {"account": account, "settlement_asset": settlement_asset, "pnl": pnl}
        self._driver.run(self._calls.of_account, "set_account_pnl", name, values)

    def spot_funds(
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
        """Set or clear single entries; what is not listed stays."""
        values = {
            "global_slippage_bps": global_slippage_bps,
            "pricing_source": pricing_source,
            "overrides": overrides,
            "global_limit_mode": global_limit_mode,
            "account_limit_modes": account_limit_modes,
            "account_group_limit_modes": account_group_limit_modes,
            "position_limits": position_limits,
        }
        self._driver.run(self._calls.of_all, "spot_funds", name, values)

    def spot_funds_pnl_bounds_killswitch(
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
        """
        values = {
            "global_barrier": global_barrier,
            "account_group_barriers": account_group_barriers,
            "account_barriers": account_barriers,
        }
        blocks: Blocks = self._driver.run(
            self._calls.of_all, "spot_funds_pnl_bounds_killswitch", name, values
        )
        return AccountBlockOutcomes._of(blocks)

    def set_spot_funds_account_pnl(
        self, name: str, *, account: AccountId, state: Pnl | PnlHaltReason
    ) -> PolicyConfigurationResult:
        """Set or halt an account's PnL; the result lists the block that follows, if any."""
        values = {"account": account, "state": state}
        blocks: Blocks | None = self._driver.run(
            self._calls.of_account, "set_spot_funds_account_pnl", name, values
        )
        return PolicyConfigurationResult._of(blocks or [])
