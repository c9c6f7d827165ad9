"""The two builders of spot funds: the policy itself, and its preset as a PnL kill switch.

Nothing is checked before ``builtin()``, except for the name of the pricing source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.marketdata.service import MarketDataService, is_no_sync
from openpit.param.refusals import not_an_instance
from openpit.pretrade.policies.arguments import MODULE, SettingsError
from openpit.pretrade.policies.registration import register
from openpit.pretrade.policies.spot_funds.configuration import (
    SpotFundsOverrideEntry,
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsAccountGroupBarrier,
    SpotFundsPnlBoundsBarrier,
    SpotFundsPricingSource,
)
from openpit.pretrade.policies.spot_funds.desk import NAME
from openpit.pretrade.policies.spot_funds.policy import SpotFundsPolicy
from openpit.pretrade.policies.spot_funds.pricing import MarketPrices
from openpit.pretrade.policies.spot_funds.settings import Settings
from openpit.pretrade.policies.spot_funds.updates import (
    BarriersUpdate,
    FundsUpdate,
    SlippageOverride,
    read_u16,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.pretrade.policies.registration import PolicyRegistrar

__all__ = [
    "SpotFundsBuilder",
    "SpotFundsPnlBoundsKillswitchBuilder",
    "SpotFundsPnlBoundsKillswitchReadyBuilder",
    "SpotFundsReadyBuilder",
    "build_spot_funds",
    "build_spot_funds_pnl_bounds_killswitch",
]


def _service(service: object) -> MarketDataService | None:
    """Return a market-data service, None without one; TypeError for anything else."""
    if service is None or isinstance(service, MarketDataService):
        return service
    raise not_an_instance(service, "MarketDataService")


def _market(service: MarketDataService | None, registrar: PolicyRegistrar) -> MarketPrices | None:
    """Return the policy's view of a service; SettingsError for one that the engine may not use."""
    if service is None:
        return None
    if is_no_sync(service) and not registrar.is_no_sync:
        raise SettingsError(
            "market data service is in no-sync mode but the engine is multi-threaded; "
            "call .full_sync() on the market-data builder before .build()"
        )
    return MarketPrices(service)


class SpotFundsReadyBuilder:
    """Spot funds with market data; ready for ``builtin()``, also for several engines."""

    __module__ = MODULE

    def __init__(self) -> None:
        self._group_id = 0
        self._service: MarketDataService | None = None
        self._slippage_bps: int | None = None
        self._pricing_source = SpotFundsPricingSource.MARK
        self._overrides: tuple[SpotFundsOverrideEntry, ...] = ()

    def with_policy_group_id(self, policy_group_id: int) -> SpotFundsReadyBuilder:
        """Set the id that tags locks and outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def market_data(
        self,
        service: MarketDataService,
        global_slippage_bps: int,
        pricing_source: SpotFundsPricingSource = SpotFundsPricingSource.MARK,
        overrides: Iterable[SpotFundsOverrideEntry] = (),
    ) -> SpotFundsReadyBuilder:
        """Price market orders and join currencies by a service; replaces an earlier choice.

        ``global_slippage_bps`` is 0..10000 basis points, added for a buy and taken off for a sell;
        ``overrides`` replace it for instruments, accounts and groups.

        Raises:
            ValueError: there is no such ``pricing_source``.
            TypeError: ``overrides`` cannot be iterated.
        """
        self._service = service
        self._slippage_bps = global_slippage_bps
        self._pricing_source = SpotFundsPricingSource(pricing_source)
        self._overrides = tuple(overrides)
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        group_id = read_u16(self._group_id)
        service = _service(self._service)
        slippage_bps = None if self._slippage_bps is None else read_u16(self._slippage_bps)
        overrides = [SlippageOverride.read(entry) for entry in self._overrides]
        update = FundsUpdate(
            slippage_bps,
            self._pricing_source is SpotFundsPricingSource.BOOK_TOP,
            # An override of nothing clears an earlier one only in a running engine.
            [override for override in overrides if override.bps is not None],
            None,
            [],
            [],
            [],
        )
        if service is not None and slippage_bps is None:
            raise SettingsError("global_slippage_bps is required when market_data is provided")
        market = _market(service, registrar)
        update.require_sense()
        settings = Settings()
        update.apply_to(settings)
        registrar.add(SpotFundsPolicy(settings, market, group_id))


class SpotFundsBuilder:
    """Spot funds of limit orders only, until market data is given; ready for ``builtin()``."""

    __module__ = MODULE

    NAME: Final = NAME

    def __init__(self) -> None:
        self._ready = SpotFundsReadyBuilder()

    def with_policy_group_id(self, policy_group_id: int) -> SpotFundsBuilder:
        """Set the id that tags locks and outcomes, 0..65535 (checked by ``builtin()``)."""
        self._ready.with_policy_group_id(policy_group_id)
        return self

    def market_data(
        self,
        service: MarketDataService,
        global_slippage_bps: int,
        pricing_source: SpotFundsPricingSource = SpotFundsPricingSource.MARK,
        overrides: Iterable[SpotFundsOverrideEntry] = (),
    ) -> SpotFundsReadyBuilder:
        """Price market orders and join currencies by a service.

        As :meth:`SpotFundsReadyBuilder.market_data`.

        Raises:
            ValueError: as there.
            TypeError: as there.
        """
        return self._ready.market_data(service, global_slippage_bps, pricing_source, overrides)

    def _build(self, registrar: PolicyRegistrar) -> None:
        register(self._ready, registrar)


class SpotFundsPnlBoundsKillswitchReadyBuilder:
    """Spot funds that only follow orders, and block accounts by their PnL.

    Limit mode TrackOnly, pricing by mark without slippage. At least one barrier is needed.
    """

    __module__ = MODULE

    def __init__(self) -> None:
        self._group_id = 0
        self._service: MarketDataService | None = None
        self._of_all: SpotFundsPnlBoundsBarrier | None = None
        self._of_groups: list[SpotFundsPnlBoundsAccountGroupBarrier] = []
        self._of_accounts: list[SpotFundsPnlBoundsAccountBarrier] = []

    def with_policy_group_id(
        self, policy_group_id: int
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Set the id that tags locks and outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def market_data(self, service: MarketDataService) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Price market orders and join currencies by a service."""
        self._service = service
        return self

    def global_barrier(
        self, barrier: SpotFundsPnlBoundsBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Set the barrier of every account that has no closer one."""
        self._of_all = barrier
        return self

    def account_group_barriers(
        self, *barriers: SpotFundsPnlBoundsAccountGroupBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Add barriers of groups; the last one of a group counts."""
        self._of_groups += barriers
        return self

    def account_barriers(
        self, *barriers: SpotFundsPnlBoundsAccountBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Add barriers of accounts; the last one of an account counts."""
        self._of_accounts += barriers
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        group_id = read_u16(self._group_id)
        service = _service(self._service)
        update = BarriersUpdate.read(
            global_barrier=self._of_all,
            account_group_barriers=self._of_groups,
            account_barriers=self._of_accounts,
        )
        market = _market(service, registrar)
        update.require_sense()
        settings = Settings()
        settings.track_only = True
        settings.set_barriers(update.applied_to(settings.barriers))
        if not settings.has_barriers:
            raise SettingsError("spot funds P&L bounds require at least one barrier")
        registrar.add(SpotFundsPolicy(settings, market, group_id))


class SpotFundsPnlBoundsKillswitchBuilder:
    """Entry of the kill-switch preset's builder."""

    __module__ = MODULE

    NAME: Final = NAME

    def __init__(self) -> None:
        self._ready = SpotFundsPnlBoundsKillswitchReadyBuilder()

    def with_policy_group_id(self, policy_group_id: int) -> SpotFundsPnlBoundsKillswitchBuilder:
        """Set the id that tags locks and outcomes, 0..65535 (checked by ``builtin()``)."""
        self._ready.with_policy_group_id(policy_group_id)
        return self

    def market_data(self, service: MarketDataService) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Price market orders and join currencies by a service."""
        return self._ready.market_data(service)

    def global_barrier(
        self, barrier: SpotFundsPnlBoundsBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Set the barrier of every account that has no closer one."""
        return self._ready.global_barrier(barrier)

    def account_group_barriers(
        self, *barriers: SpotFundsPnlBoundsAccountGroupBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Add barriers of groups."""
        return self._ready.account_group_barriers(*barriers)

    def account_barriers(
        self, *barriers: SpotFundsPnlBoundsAccountBarrier
    ) -> SpotFundsPnlBoundsKillswitchReadyBuilder:
        """Add barriers of accounts."""
        return self._ready.account_barriers(*barriers)

    def _build(self, registrar: PolicyRegistrar) -> None:
        register(self._ready, registrar)


def build_spot_funds() -> SpotFundsBuilder:
    """Start building the policy that has every order covered by funds."""
    return SpotFundsBuilder()


def build_spot_funds_pnl_bounds_killswitch() -> SpotFundsPnlBoundsKillswitchBuilder:
    """Start building the preset that follows orders and blocks accounts by their PnL."""
    return SpotFundsPnlBoundsKillswitchBuilder()
