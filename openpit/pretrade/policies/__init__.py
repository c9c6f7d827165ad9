"""The built-in policies: what to configure them with, and their builders."""

from __future__ import annotations

from openpit.pretrade.policies.order_size_limit import (
    OrderSizeLimitBuilder,
    OrderSizeLimitReadyBuilder,
    build_order_size_limit,
)
from openpit.pretrade.policies.order_size_limit_settings import (
    OrderSizeAccountAssetBarrier,
    OrderSizeAssetBarrier,
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
)
from openpit.pretrade.policies.order_validation import (
    OrderValidationBuilder,
    build_order_validation,
)
from openpit.pretrade.policies.pnl_bounds_killswitch import (
    PnlBoundsKillswitchBuilder,
    PnlBoundsKillswitchReadyBuilder,
    build_pnl_bounds_killswitch,
)
from openpit.pretrade.policies.pnl_bounds_settings import (
    PnlBoundsAccountAssetBarrier,
    PnlBoundsAccountAssetBarrierUpdate,
    PnlBoundsBrokerBarrier,
)
from openpit.pretrade.policies.rate_limit import (
    RateLimitBuilder,
    RateLimitReadyBuilder,
    build_rate_limit,
)
from openpit.pretrade.policies.rate_limit_settings import (
    RateLimit,
    RateLimitAccountAssetBarrier,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
)
from openpit.pretrade.policies.spot_funds.builder import (
    SpotFundsBuilder,
    SpotFundsPnlBoundsKillswitchBuilder,
    SpotFundsPnlBoundsKillswitchReadyBuilder,
    SpotFundsReadyBuilder,
    build_spot_funds,
    build_spot_funds_pnl_bounds_killswitch,
)
from openpit.pretrade.policies.spot_funds.configuration import (
    SpotFundsLimitMode,
    SpotFundsLimitModeAccountEntry,
    SpotFundsLimitModeAccountGroupEntry,
    SpotFundsOverride,
    SpotFundsOverrideEntry,
    SpotFundsOverrideTarget,
    SpotFundsOverrideTargetInstrument,
    SpotFundsOverrideTargetInstrumentAccount,
    SpotFundsOverrideTargetInstrumentAccountGroup,
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsAccountGroupBarrier,
    SpotFundsPnlBoundsBarrier,
    SpotFundsPositionLimitEntry,
    SpotFundsPricingSource,
)

DEFAULT_POLICY_GROUP_ID = 0

__all__ = [
    "DEFAULT_POLICY_GROUP_ID",
    "OrderSizeAccountAssetBarrier",
    "OrderSizeAssetBarrier",
    "OrderSizeBrokerBarrier",
    "OrderSizeLimit",
    "OrderSizeLimitBuilder",
    "OrderSizeLimitReadyBuilder",
    "OrderValidationBuilder",
    "PnlBoundsAccountAssetBarrier",
    "PnlBoundsAccountAssetBarrierUpdate",
    "PnlBoundsBrokerBarrier",
    "PnlBoundsKillswitchBuilder",
    "PnlBoundsKillswitchReadyBuilder",
    "RateLimit",
    "RateLimitAccountAssetBarrier",
    "RateLimitAccountBarrier",
    "RateLimitAssetBarrier",
    "RateLimitBrokerBarrier",
    "RateLimitBuilder",
    "RateLimitReadyBuilder",
    "SpotFundsBuilder",
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
    "SpotFundsPnlBoundsKillswitchBuilder",
    "SpotFundsPnlBoundsKillswitchReadyBuilder",
    "SpotFundsPositionLimitEntry",
    "SpotFundsPricingSource",
    "SpotFundsReadyBuilder",
    "build_order_size_limit",
    "build_order_validation",
    "build_pnl_bounds_killswitch",
    "build_rate_limit",
    "build_spot_funds",
    "build_spot_funds_pnl_bounds_killswitch",
]
