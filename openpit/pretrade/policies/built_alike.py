"""Built-in policies made by the names of their classes, to be given a state: that of a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.pretrade.policies.order_size_limit import OrderSizeLimitPolicy
from openpit.pretrade.policies.order_size_limit_settings import OrderSizeSettings
from openpit.pretrade.policies.order_validation import OrderValidationPolicy
from openpit.pretrade.policies.pnl_bounds_killswitch import PnlBoundsKillSwitchPolicy
from openpit.pretrade.policies.pnl_bounds_settings import PnlBoundsSettings
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.pretrade.policies.rate_limit_settings import RateLimitSettings
from openpit.pretrade.policies.spot_funds.policy import SpotFundsPolicy
from openpit.pretrade.policies.spot_funds.pricing import MarketPrices
from openpit.pretrade.policies.spot_funds.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["built_alike"]

_MAKERS: Final[dict[type[BuiltinPolicy], Callable[[int], BuiltinPolicy]]] = {
    OrderValidationPolicy: OrderValidationPolicy,
    OrderSizeLimitPolicy: lambda group: OrderSizeLimitPolicy(
        OrderSizeSettings(None, {}, {}), group
    ),
    PnlBoundsKillSwitchPolicy: lambda group: PnlBoundsKillSwitchPolicy(
        PnlBoundsSettings({}, {}), {}, group
    ),
    RateLimitPolicy: lambda group: RateLimitPolicy(RateLimitSettings(None, {}, {}, {}), group, 0),
}


def _name_of(kind: type[BuiltinPolicy]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_BY_NAME: Final = {_name_of(kind): maker for kind, maker in _MAKERS.items()}
_FUNDS: Final = _name_of(SpotFundsPolicy)


def built_alike(
    name: str, group_id: int = 0, service: MarketDataService | None = None
) -> BuiltinPolicy | None:
    """Return a built-in policy without any limit, by its class's name; None: there is none such.

    Where that is one which reads market data, it reads ``service``.
    """
    if name == _FUNDS:
        market = None if service is None else MarketPrices(service)
        return SpotFundsPolicy(Settings(), market, group_id)
    maker = _BY_NAME.get(name)
    return None if maker is None else maker(group_id)
