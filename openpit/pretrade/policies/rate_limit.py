"""Rate limit: orders per window for the broker, an asset, an account, an account in an asset.

The broker and asset axes span accounts: they count in
:class:`FixedWindows`. A sharded engine keeps those in its router; the counts then reach a shard's
policy through :class:`SuppliedCounts`. The account axes are sliding logs of one account each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.pretrade.alike_rejects import AlikeReject, RefusedRun, RefusedRuns
from openpit.pretrade.policies.arguments import MODULE, group_id_value
from openpit.pretrade.policies.rate_limit_settings import (
    NAME,
    RateLimitSettings,
    RateLimitUpdate,
    by_account,
    by_asset,
    by_pair,
    rate_of,
    require_u64_window,
    window_text,
)
from openpit.pretrade.policies.supplied_counts import SuppliedCounts
from openpit.pretrade.policies.tables import rates_table
from openpit.pretrade.policy_contract import BuiltinPolicy
from openpit.pretrade.rejects import Reject, missing_field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from openpit.core.order import Order
    from openpit.pretrade.policies.rate_limit_settings import (
        Rate,
        RateLimitAccountAssetBarrier,
        RateLimitAccountBarrier,
        RateLimitAssetBarrier,
        RateLimitBrokerBarrier,
    )
    from openpit.pretrade.policies.registration import PolicyRegistrar
    from openpit.pretrade.policies.tables import SettingsTable
    from openpit.pretrade.policy_contract import OrderColumns, PolicyCall
    from openpit.pretrade.state_values import State

__all__ = [
    "FixedWindows",
    "RateChange",
    "RateLimitBuilder",
    "RateLimitPolicy",
    "RateLimitReadyBuilder",
    "build_rate_limit",
]


class _Window:
    """A counter that starts anew with the first order after its window's end."""

    __slots__ = ("count", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.count = 0

    def peek(self, now: int, length: int) -> int:
        return 1 if now - self.start >= length else self.count + 1

    def add(self, now: int, length: int) -> int:
        if now - self.start >= length:
            self.start = now
            self.count = 1
        else:
            self.count += 1
        return self.count


class FixedWindows:
    """The counters of the broker and asset axes, as one engine has them.

    A counter's first window starts when the policy is made; each later one at the order that
    opened it.
    """

    __slots__ = ("_assets", "_broker", "_broker_length", "_settings", "began")

    def __init__(self, settings: RateLimitSettings, now: int) -> None:
        self._settings = settings
        self.began: Final = now
        self._broker_length = 0 if settings.broker is None else settings.broker.window
        self._broker = _Window(now)
        self._assets = {asset: _Window(now) for asset in settings.assets}

    def count(self, settlement: str | None, now: int) -> tuple[int, int]:
        """Count an attempt; return the broker's and the asset's count with it (0: no barrier)."""
        broker = asset = 0
        rate = self._settings.broker
        if rate is not None:
            broker = self._broker.add(now, rate.window)
        rate = self._settings.assets.get(settlement)
        if rate is not None:
            asset = self._assets[settlement].add(now, rate.window)
        return broker, asset

    def count_broker(self, now: int) -> int:
        """Count an attempt where the broker's barrier is the only one."""
        window = self._broker
        if now - window.start < self._broker_length:
            window.count += 1
            return window.count
        return window.add(now, self._broker_length)

    def peek(self, settlement: str | None, now: int) -> tuple[int, int]:
        """Return what :meth:`count` would, and count nothing."""
        broker = asset = 0
        rate = self._settings.broker
        if rate is not None:
            broker = self._broker.peek(now, rate.window)
        rate = self._settings.assets.get(settlement)
        if rate is not None:
            asset = self._assets[settlement].peek(now, rate.window)
        return broker, asset

    def retune(self, settings: RateLimitSettings, now: int) -> None:
        """Apply new settings: barriers that stay keep their counters, new ones start at zero."""
        if self._settings.broker is None and settings.broker is not None:
            self._broker = _Window(now)
        self._assets = {asset: self._assets.get(asset) or _Window(now) for asset in settings.assets}
        self._settings = settings
        self._broker_length = 0 if settings.broker is None else settings.broker.window


class RateLimitPolicy(BuiltinPolicy):
    """Rejects the orders that exceed a rate; every attempt counts, rejected ones too."""

    __slots__ = (
        "_account_assets",
        "_accounts",
        "_broker_max",
        "counts_broadly",
        "counts_broker_only",
        "group_id",
        "name",
        "reads_account",
        "reads_instrument",
        "settings",
        "windows",
    )

    settings_type: Final = (
        "openpit::storage::config_cell::ArcSwapConfigCell"
        "<openpit::pretrade::policies::rate_limit::RateLimitSettings>"
    )

    def __init__(self, settings: RateLimitSettings, group_id: int, now: int) -> None:
        self.name = NAME
        self.group_id = group_id
        self.windows: FixedWindows | SuppliedCounts = FixedWindows(settings, now)
        # Logs stay when their barrier goes, and resume when it comes back.
        self._accounts: dict[int | None, deque[int]] = {}
        self._account_assets: dict[tuple[int | None, str | None], deque[int]] = {}
        self._take(settings)

    def _take(self, settings: RateLimitSettings) -> None:
        self.settings = settings
        self.counts_broadly = settings.broker is not None or bool(settings.assets)
        self.reads_instrument = settings.reads_instrument
        self.reads_account = settings.reads_account
        # Set where the broker's barrier is the only one: the plain case needs no field.
        alone = settings.broker if not (self.reads_instrument or self.reads_account) else None
        self._broker_max = None if alone is None else alone.max_orders
        self.counts_broker_only = alone is not None

    table_name = "rate_limit"

    def settings_table(self) -> SettingsTable:
        return rates_table(self.settings)

    def prepare(self, update: RateLimitUpdate, now: int) -> RateChange:
        """Validate new settings; return what applies them.

        Raises:
            SettingsError: a window is zero or too long.
        """
        return RateChange(self, self.settings.updated(update), now)

    def retune(self, settings: RateLimitSettings, now: int) -> None:
        """Apply checked settings."""
        self.windows.retune(settings, now)
        self._take(settings)

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        broker_max = self._broker_max
        if broker_max is not None:
            broker = self.windows.count_broker(now)
            if broker <= broker_max:
                return None
            rate = self.settings.broker
            assert rate is not None  # noqa: S101 - the barrier that set the maximum
            return [_exceeded("broker barrier", broker, rate)]
        return self._check_axes(order, now)

    def doubtful(self, orders: OrderColumns) -> Collection[int] | RefusedRuns | None:
        settings, windows = self.settings, self.windows
        if settings.accounts or settings.account_assets or not isinstance(windows, SuppliedCounts):
            return None  # the logs of accounts are kept here, order by order
        if self.reads_instrument and None in orders.settlements:
            return None
        if not self.counts_broadly:
            return ()
        if not self._are_over(*windows.highest):
            windows.used = True
            return ()
        brokers = windows.each_brokers()
        if brokers is None:
            return None
        windows.used = True
        return RefusedRuns(self._refused(windows, brokers, orders.settlements))

    def _refused(
        self, windows: SuppliedCounts, brokers: Sequence[int], settlements: Sequence[str | None]
    ) -> list[RefusedRun]:
        """Return which orders are over their limits, by the broker's counts and the assets'."""
        rate, rates = self.settings.broker, self.settings.assets
        most = None if rate is None else rate.max_orders
        broker = None if rate is None else _exceeding("broker barrier", rate)
        first = len(brokers)  # from there on, all are over the broker's limit
        if most is not None and 0 not in brokers:
            first = bisect_right(brokers, most)
        runs: list[RefusedRun] = []
        if first and (0 in brokers or self._are_over(0, windows.highest[1])):
            assets = windows.each_assets(settlements[:first])
            exceeding = {asset: _exceeding("asset barrier", rates[asset]) for asset in rates}
            last: AlikeReject | None = None  # that of the order before, with the run's numbers
            numbers: list[int] = []
            for place, (count, its, asset) in enumerate(
                zip(brokers[:first], assets, settlements[:first], strict=True)
            ):
                reject = None
                if most is not None and count > most:
                    number, reject = count, broker
                # With shards, the barrier may have gone since the order was counted.
                elif asset in rates and its > rates[asset].max_orders:
                    number, reject = its, exceeding[asset]
                if reject is not None:
                    if reject is not last:
                        numbers = []
                        runs.append(RefusedRun(place, numbers, reject))
                    numbers.append(number)
                last = reject
        if broker is not None and first < len(brokers):
            runs.append(RefusedRun(first, brokers[first:], broker))
        return runs

    def _are_over(self, broker: int, assets: Mapping[str | None, int]) -> bool:
        """Tell whether any of these counts is over its limit."""
        rate, rates = self.settings.broker, self.settings.assets
        return (rate is not None and broker > rate.max_orders) or any(
            count > rates[asset].max_orders for asset, count in assets.items() if asset in rates
        )

    def _over(self, broker: int, asset: int, settlement: str | None) -> list[Reject] | None:
        """Return what is against an order of these counts, which may be 0: none."""
        settings = self.settings
        rate = settings.broker
        if rate is not None and broker > rate.max_orders:
            return [_exceeded("broker barrier", broker, rate)]
        if asset:
            # With shards, the barrier may have gone since the order was counted.
            rate = settings.assets.get(settlement)
            if rate is not None and asset > rate.max_orders:
                return [_exceeded("asset barrier", asset, rate)]
        return None

    def _check_axes(self, order: Order, now: int) -> list[Reject] | None:
        settings = self.settings
        settlement = account = None
        if self.reads_instrument:
            settlement = order._settlement_
            if settlement is None:
                return [missing_field("instrument", NAME)]
        if self.reads_account:
            account = order._account_
            if account is None:
                return [missing_field("account ID", NAME)]
        broker = asset = 0
        if self.counts_broadly:
            broker, asset = self.windows.count(settlement, now)
        if account is None:
            breach = None
        else:
            breach = self._count_account(settings, account, settlement, now)
        return self._over(broker, asset, settlement) or breach

    def _count_account(
        self, settings: RateLimitSettings, account: int, settlement: str | None, now: int
    ) -> list[Reject] | None:
        breach: list[Reject] | None = None
        pair = (account, settlement)
        rate = settings.account_assets.get(pair)  # no barrier has None
        if rate is not None:
            log = self._account_assets.setdefault(pair, deque())
            count = _log(log, now, rate.window)
            if count > rate.max_orders:
                breach = [_exceeded("account+asset barrier", count, rate)]
        rate = settings.accounts.get(account)
        if rate is not None:
            count = _log(self._accounts.setdefault(account, deque()), now, rate.window)
            if count > rate.max_orders:
                breach = [_exceeded("account barrier", count, rate)]
        return breach

    def peek_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        settings = self.settings
        settlement, account = order._settlement_, order._account_
        if self.reads_instrument and settlement is None:
            return [missing_field("instrument", NAME)]
        if self.reads_account and account is None:
            return [missing_field("account ID", NAME)]
        broker, asset = self.windows.peek(settlement, now) if self.counts_broadly else (0, 0)
        pair = (account, settlement)
        checks = (
            ("broker barrier", settings.broker, broker),
            ("asset barrier", settings.assets.get(settlement), asset),
            ("account barrier", settings.accounts.get(account), None),
            ("account+asset barrier", settings.account_assets.get(pair), None),
        )
        logs = {
            "account barrier": self._accounts.get(account),
            "account+asset barrier": self._account_assets.get(pair),
        }
        for axis, rate, counted in checks:
            if rate is None:
                continue
            count = _peek_log(logs[axis], now, rate.window) if counted is None else counted
            if count > rate.max_orders:
                return [_exceeded(axis, count, rate)]
        return None

    def export_state(self) -> State:
        """Return the settings and the accounts' logs: who counts for all shards has the windows."""
        return (
            self.settings.export(),
            [(account, [*log]) for account, log in self._accounts.items()],
            [(*pair, [*log]) for pair, log in self._account_assets.items()],
        )

    def restore_state(self, state: State) -> None:
        settings, accounts, pairs = state
        self._take(RateLimitSettings.restored(settings))
        self._accounts = {account: deque(log) for account, log in accounts}
        self._account_assets = {(account, asset): deque(log) for account, asset, log in pairs}


class RateChange:
    """New settings that have been checked; called, it applies them."""

    __slots__ = ("_now", "_policy", "settings")

    def __init__(self, policy: RateLimitPolicy, settings: RateLimitSettings, now: int) -> None:
        self._policy: Final = policy
        self.settings: Final = settings
        self._now: Final = now

    def __call__(self) -> None:
        """Apply them."""
        self._policy.retune(self.settings, self._now)


def _log(log: deque[int], now: int, window: int) -> int:
    while log and now - log[0] >= window:
        log.popleft()
    log.append(now)
    return len(log)


def _peek_log(log: deque[int] | None, now: int, window: int) -> int:
    return 1 + sum(now - moment < window for moment in log or ())


def _exceeded(axis: str, count: int, rate: Rate) -> Reject:
    return _exceeding(axis, rate).of(count)


def _exceeding(axis: str, rate: Rate) -> AlikeReject:
    """Return the rejects of all orders that exceed a rate, but for their counts."""
    return AlikeReject(
        "RateLimitExceeded",
        f"rate limit exceeded: {axis}",
        "submitted ",
        f" orders in {window_text(rate.window)} window, max allowed: {rate.max_orders}",
        NAME,
        "order",
    )


class RateLimitReadyBuilder:
    """Collects barriers; ready for ``builtin()``, also for several engines."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0
        self._broker: RateLimitBrokerBarrier | None = None
        self._assets: list[RateLimitAssetBarrier] = []
        self._accounts: list[RateLimitAccountBarrier] = []
        self._account_assets: list[RateLimitAccountAssetBarrier] = []

    def with_policy_group_id(self, policy_group_id: int) -> RateLimitReadyBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def broker_barrier(self, barrier: RateLimitBrokerBarrier) -> RateLimitReadyBuilder:
        """Set the rate of all orders together, in place of an earlier one."""
        self._broker = barrier
        return self

    def asset_barriers(self, *barriers: RateLimitAssetBarrier) -> RateLimitReadyBuilder:
        """Add rates by settlement asset; the last one of an asset counts."""
        self._assets += barriers
        return self

    def account_barriers(self, *barriers: RateLimitAccountBarrier) -> RateLimitReadyBuilder:
        """Add rates by account; the last one of an account counts."""
        self._accounts += barriers
        return self

    def account_asset_barriers(
        self, *barriers: RateLimitAccountAssetBarrier
    ) -> RateLimitReadyBuilder:
        """Add rates by account and settlement asset; the last one of a pair counts."""
        self._account_assets += barriers
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        broker = () if self._broker is None else (self._broker,)
        for item in (*broker, *self._assets, *self._accounts, *self._account_assets):
            require_u64_window(item.limit)
        update = RateLimitUpdate(
            None if self._broker is None else rate_of(self._broker.limit),
            False,
            by_asset(self._assets),
            by_account(self._accounts),
            by_pair(self._account_assets),
        )
        group_id = group_id_value(self._group_id)
        settings = RateLimitSettings(None, {}, {}, {}).updated(update)
        registrar.add(RateLimitPolicy(settings, group_id, registrar.now()))


class RateLimitBuilder:
    """Entry of the rate limit builder: the first axis makes it ready."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0

    def with_policy_group_id(self, policy_group_id: int) -> RateLimitBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def _ready(self) -> RateLimitReadyBuilder:
        return RateLimitReadyBuilder().with_policy_group_id(self._group_id)

    def broker_barrier(self, barrier: RateLimitBrokerBarrier) -> RateLimitReadyBuilder:
        """Set the rate of all orders together."""
        return self._ready().broker_barrier(barrier)

    def asset_barriers(self, *barriers: RateLimitAssetBarrier) -> RateLimitReadyBuilder:
        """Add rates by settlement asset."""
        return self._ready().asset_barriers(*barriers)

    def account_barriers(self, *barriers: RateLimitAccountBarrier) -> RateLimitReadyBuilder:
        """Add rates by account."""
        return self._ready().account_barriers(*barriers)

    def account_asset_barriers(
        self, *barriers: RateLimitAccountAssetBarrier
    ) -> RateLimitReadyBuilder:
        """Add rates by account and settlement asset."""
        return self._ready().account_asset_barriers(*barriers)


def build_rate_limit() -> RateLimitBuilder:
    """Start a policy that limits orders per window."""
    return RateLimitBuilder()
