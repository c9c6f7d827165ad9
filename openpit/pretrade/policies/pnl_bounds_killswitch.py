"""PnL bounds kill switch: stops an account whose realized PnL leaves its bounds.

Realized PnL is kept by account and settlement asset, from the reports
alone; a positive fee is a cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.core.assets import asset_text
from openpit.param.decimals import NARROW, ZERO, DecimalOverflow, add, plain, subtract
from openpit.param.fixed_decimal import decimal_of
from openpit.param.values import Pnl
from openpit.pretrade.account_state import AccountFigures
from openpit.pretrade.policies.arguments import (
    MODULE,
    account_number,
    expect,
    group_id_value,
)
from openpit.pretrade.policies.pnl_bounds_settings import (
    NAME,
    PnlBounds,
    PnlBoundsAccountAssetBarrier,
    PnlBoundsSettings,
    PnlBoundsUpdate,
    read_account_barrier,
    read_barrier,
)
from openpit.pretrade.policies.tables import pnl_table
from openpit.pretrade.policy_contract import BuiltinPolicy, ReportEffect
from openpit.pretrade.rejects import (
    Reject,
    missing_field,
    missing_field_block,
    new_account_block,
    new_reject,
)
from openpit.pretrade.state_values import amount_in, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from decimal import Decimal

    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.pretrade.policies.pnl_bounds_settings import PnlBoundsBrokerBarrier
    from openpit.pretrade.policies.registration import PolicyRegistrar
    from openpit.pretrade.policies.tables import SettingsTable
    from openpit.pretrade.policy_contract import OrderColumns, PolicyCall
    from openpit.pretrade.state_values import State

__all__ = [
    "PnlBoundsKillSwitchPolicy",
    "PnlBoundsKillswitchBuilder",
    "PnlBoundsKillswitchReadyBuilder",
    "build_pnl_bounds_killswitch",
]

_add: Final = NARROW.add
_subtract: Final = NARROW.subtract


class PnlBoundsKillSwitchPolicy(BuiltinPolicy):
    """Rejects the orders of an account outside its bounds, and blocks it."""

    __slots__ = ("_account_bounds", "_broker_bounds", "_realized", "_settings", "group_id", "name")

    settings_type: Final = (
        "openpit::storage::config_cell::ArcSwapConfigCell"
        "<openpit::pretrade::policies::pnl_bounds_killswitch::PnlBoundsKillSwitchSettings>"
    )

    def __init__(
        self, settings: PnlBoundsSettings, seeds: dict[tuple[int, str], Decimal], group_id: int
    ) -> None:
        self.name = NAME
        self.group_id = group_id
        self._realized: dict[int, dict[str, Decimal]] = {}
        for (account, asset), pnl in seeds.items():
            self._realized.setdefault(account, {})[asset] = pnl
        self._take(settings)

    def _take(self, settings: PnlBoundsSettings) -> None:
        self._settings = settings
        # As plain tuples, which are taken apart for every order and report; the last tells whether
        # an account passes that has no PnL yet: nothing is compared for most orders then.
        self._broker_bounds = {
            asset: (*bounds, bounds.contain(ZERO)) for asset, bounds in settings.broker.items()
        }
        self._account_bounds = settings.accounts

    table_name = "pnl_bounds_killswitch"

    def settings_table(self) -> SettingsTable:
        return pnl_table(self._settings)

    def prepare(self, update: PnlBoundsUpdate, now: int) -> Callable[[], None]:
        """Validate new bounds; return what applies them. The next order or report decides.

        Raises:
            SettingsError: no barrier is left, or one without any bound.
        """
        settings = self._settings.updated(update)
        return lambda: self._take(settings)

    @staticmethod
    def read_pnl(
        account: object, asset: object, pnl: object
    ) -> Callable[[PnlBoundsKillSwitchPolicy], None]:
        """Check a realized PnL to be set; return what sets it in a policy.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: an empty asset, or no amount.
        """
        number, settlement = account_number(account), asset_text(asset)
        value = decimal_of(Pnl(pnl))  # type: ignore[arg-type]  # the constructor checks the class

        def apply(policy: PnlBoundsKillSwitchPolicy) -> None:
            policy._realized.setdefault(number, {})[settlement] = value

        return apply

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        settlement, account = order._settlement_, order._account_
        if settlement is None:
            return [missing_field("instrument", NAME)]
        if account is None:
            return [missing_field("account ID", NAME)]
        by_asset = self._realized.get(account)
        realized = ZERO if by_asset is None else by_asset.get(settlement, ZERO)
        bounds = self._broker_bounds.get(settlement)
        if bounds is not None:
            lower, upper, holds_nothing = bounds
            if not (by_asset is None and holds_nothing) and (
                (lower is not None and realized < lower) or (upper is not None and realized > upper)
            ):
                return [_breach("broker barrier", realized, PnlBounds(lower, upper), settlement)]
        if self._account_bounds:
            own = self._account_bounds.get((account, settlement))
            if own is not None and not own.contain(realized):
                return [_breach("account + asset barrier", realized, own, settlement)]
        return None

    peek_start = check_start

    def doubtful(self, orders: OrderColumns) -> Collection[int] | None:
        settlements = {*orders.settlements}
        if None in settlements or (
            self._account_bounds
            and not self._account_bounds.keys().isdisjoint(
                zip(orders.accounts, orders.settlements, strict=True)
            )
        ):
            return None
        for settlement in self._broker_bounds.keys() & settlements:
            if not self._are_inside(settlement, orders.accounts):
                return None  # its account is about to be blocked
        return ()

    def _are_inside(self, settlement: str, accounts: Sequence[int]) -> bool:
        """Tell whether what accounts have realized in an asset is within the broker's bounds.

        Of all of them, and nothing, which those have that have realized none.
        """
        lower, upper, holds_nothing = self._broker_bounds[settlement]
        realized = self._realized
        if realized.keys().isdisjoint(accounts):
            return holds_nothing
        known = [realized[one].get(settlement, ZERO) for one in realized.keys() & accounts]
        return (
            holds_nothing
            and (lower is None or min(known) >= lower)
            and (upper is None or max(known) <= upper)
        )

    def apply_report(
        self, report: ExecutionReport, now: int, call: PolicyCall | None
    ) -> ReportEffect | None:
        settlement, account = report._settlement_, report._account_
        pnl, fee = report._pnl_, report._impact_fee_
        if settlement is None:
            return _missing("instrument")
        if account is None:
            return _missing("account ID")
        if pnl is None or fee is None:
            return _missing("P&L")
        by_asset = self._realized.get(account)
        if by_asset is None:
            by_asset = self._realized[account] = {}
        previous = by_asset.get(settlement, ZERO)
        try:
            # What add() and subtract() come to for figures that are not zero: their two calls
            # would be a twentieth of the report.
            if pnl and fee and previous and (increment := _subtract(pnl, fee)):
                realized = _add(previous, increment)
            else:
                realized = add(previous, subtract(pnl, fee))
        except ArithmeticError:
            try:
                increment = subtract(pnl, fee)
            except DecimalOverflow:
                return _overflow(
                    f"pnl + fee overflow: pnl {plain(pnl)}, fee {plain(fee)}, "
                    f"settlement asset {settlement}"
                )
            try:
                realized = add(previous, increment)
            except DecimalOverflow:
                return _overflow(
                    f"realized pnl + pnl_with_fee overflow: previous {plain(previous)}, "
                    f"increment {plain(increment)}, settlement asset {settlement}"
                )
        is_inside = True
        bounds = self._broker_bounds.get(settlement)
        if bounds is not None:
            lower, upper, _ = bounds
            is_inside = not (
                (lower is not None and realized < lower) or (upper is not None and realized > upper)
            )
        if is_inside and self._account_bounds:
            own = self._account_bounds.get((account, settlement))
            is_inside = own is None or own.contain(realized)
        effect = None if is_inside else _left_bounds(realized, settlement)
        by_asset[settlement] = realized  # last: an interrupt leaves it whole or not made
        return effect

    def figures_of(self, account: int) -> AccountFigures | None:
        by_asset = self._realized.get(account)
        return AccountFigures((), tuple(sorted(by_asset.items()))) if by_asset else None

    def export_state(self) -> State:
        return self._settings.export(), [
            (account, [(asset, text_of(pnl)) for asset, pnl in by_asset.items()])
            for account, by_asset in self._realized.items()
        ]

    def restore_state(self, state: State) -> None:
        settings, realized = state
        self._take(PnlBoundsSettings.restored(settings))
        self._realized = {
            account: {asset: amount_in(pnl) for asset, pnl in by_asset}
            for account, by_asset in realized
        }


def _left_bounds(realized: Decimal, settlement: str) -> ReportEffect:
    details = f"realized pnl {plain(realized)}, settlement asset {settlement}"
    return ReportEffect(
        [new_account_block(NAME, "PnlKillSwitchTriggered", "pnl kill switch triggered", details)]
    )


def _missing(label: str) -> ReportEffect:
    return ReportEffect([missing_field_block(label, NAME)])


def _overflow(details: str) -> ReportEffect:
    return ReportEffect(
        [
            new_account_block(
                NAME, "OrderValueCalculationFailed", "pnl accumulation overflow", details
            )
        ]
    )


def _breach(barrier: str, realized: Decimal, bounds: PnlBounds, settlement: str) -> Reject:
    sides = []
    limits = ""
    if bounds.lower is not None:
        limits += f", lower bound {plain(bounds.lower)}"
        if realized < bounds.lower:
            sides.append("lower")
    if bounds.upper is not None:
        limits += f", upper bound {plain(bounds.upper)}"
        if realized > bounds.upper:
            sides.append("upper")
    return new_reject(
        "PnlKillSwitchTriggered",
        f"pnl kill switch triggered: {barrier}",
        f"{' and '.join(sides)} bound breached: realized pnl {plain(realized)}{limits}, "
        f"settlement asset {settlement}",
        NAME,
        "account",
    )


class PnlBoundsKillswitchReadyBuilder:
    """Collects barriers; ready for ``builtin()``, also for several engines."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0
        self._broker: list[PnlBoundsBrokerBarrier] = []
        self._accounts: list[PnlBoundsAccountAssetBarrier] = []

    def with_policy_group_id(self, policy_group_id: int) -> PnlBoundsKillswitchReadyBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def broker_barriers(self, *barriers: PnlBoundsBrokerBarrier) -> PnlBoundsKillswitchReadyBuilder:
        """Add bounds for all accounts; the last one of a settlement asset counts."""
        self._broker += barriers
        return self

    def account_barriers(
        self, *barriers: PnlBoundsAccountAssetBarrier
    ) -> PnlBoundsKillswitchReadyBuilder:
        """Add bounds and a starting PnL for accounts; the last one of a key counts."""
        self._accounts += barriers
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        broker = [read_barrier(item) for item in self._broker]
        accounts: list[tuple[tuple[int, str], PnlBounds]] = []
        seeds: dict[tuple[int, str], Decimal] = {}
        for item in self._accounts:
            item = expect(item, PnlBoundsAccountAssetBarrier)  # noqa: PLW2901 - the same, checked
            key, bounds = read_account_barrier(item.barrier, item.account_id)
            accounts.append((key, bounds))
            seeds[key] = decimal_of(Pnl(item.initial_pnl))
        group_id = group_id_value(self._group_id)
        settings = PnlBoundsSettings({}, {}).updated(PnlBoundsUpdate(broker or None, accounts))
        registrar.add(PnlBoundsKillSwitchPolicy(settings, seeds, group_id))


class PnlBoundsKillswitchBuilder:
    """Entry of the kill switch builder: the first axis makes it ready."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0

    def with_policy_group_id(self, policy_group_id: int) -> PnlBoundsKillswitchBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def _ready(self) -> PnlBoundsKillswitchReadyBuilder:
        return PnlBoundsKillswitchReadyBuilder().with_policy_group_id(self._group_id)

    def broker_barriers(self, *barriers: PnlBoundsBrokerBarrier) -> PnlBoundsKillswitchReadyBuilder:
        """Add bounds for all accounts."""
        return self._ready().broker_barriers(*barriers)

    def account_barriers(
        self, *barriers: PnlBoundsAccountAssetBarrier
    ) -> PnlBoundsKillswitchReadyBuilder:
        """Add bounds and a starting PnL for accounts."""
        return self._ready().account_barriers(*barriers)


def build_pnl_bounds_killswitch() -> PnlBoundsKillswitchBuilder:
    """Start a policy that stops accounts whose realized PnL leaves its bounds."""
    return PnlBoundsKillswitchBuilder()
