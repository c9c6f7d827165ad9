"""The spot funds policy: what an engine asks of it, put together from the parts.

Spot funds need every order to be covered by what the account has available, set that aside until
the order is done, and follow positions and PnL through the fills.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

from openpit.param.decimals import NARROW, ZERO
from openpit.param.enums import Side
from openpit.pretrade.account_state import AccountFigures
from openpit.pretrade.effects import ITSELF
from openpit.pretrade.policies.spot_funds.adjustments import apply_adjustment, set_account_pnl
from openpit.pretrade.policies.spot_funds.desk import NAME, Desk, switch_block
from openpit.pretrade.policies.spot_funds.holdings import Glance
from openpit.pretrade.policies.spot_funds.many_orders import hold_plain
from openpit.pretrade.policies.spot_funds.pre_trade import check_order
from openpit.pretrade.policies.spot_funds.reports import apply_report
from openpit.pretrade.policies.spot_funds.reservation import PlainFunds, ReservedFunds
from openpit.pretrade.policies.spot_funds.state import (
    export_funds,
    export_reserved,
    export_settings,
    restore_funds,
    restore_reserved,
    restore_settings,
)
from openpit.pretrade.policies.spot_funds.updates import (
    AccountPnlUpdate,
    BarriersUpdate,
    FundsUpdate,
)
from openpit.pretrade.policies.tables import funds_table
from openpit.pretrade.policy_contract import BuiltinPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.account_adjustment import Adjustment
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.pretrade.effects import Effects, Finalizer
    from openpit.pretrade.policies.spot_funds.barriers import PnlBarriers
    from openpit.pretrade.policies.spot_funds.pricing import MarketPrices
    from openpit.pretrade.policies.spot_funds.settings import Settings
    from openpit.pretrade.policies.tables import SettingsTable
    from openpit.pretrade.policy_contract import (
        AccountsView,
        AdjustmentEffect,
        HeldRow,
        ManyOrders,
        PolicyCall,
        ReportEffect,
    )
    from openpit.pretrade.rejects import AccountBlock
    from openpit.pretrade.state_values import State

__all__ = ["SpotFundsPolicy"]

_add: Final = NARROW.add
_subtract: Final = NARROW.subtract
_multiply: Final = NARROW.multiply
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


class SpotFundsPolicy(BuiltinPolicy):
    """One engine's spot funds: its settings, its accounts' holdings."""

    __slots__ = ("_desk", "_funds", "_holdings", "_plain", "group_id", "name")

    settings_type: ClassVar[str] = (
        "openpit::storage::config_cell::ArcSwapConfigCell"
        "<openpit::pretrade::policies::spot_funds::market_data::SpotFundsSettings>"
    )

    read_update = staticmethod(FundsUpdate.read)
    read_barriers = staticmethod(BarriersUpdate.read)
    read_account_pnl = staticmethod(AccountPnlUpdate.read)

    def __init__(self, settings: Settings, market: MarketPrices | None, group_id: int) -> None:
        self.name = NAME
        self.group_id = group_id
        self._desk = Desk(settings, market, group_id)
        self._funds = self._desk.funds
        self._holdings = self._desk.holdings
        self._plain = settings.plain

    def bind(self, accounts: AccountsView) -> None:
        self._desk.accounts = self._desk.holdings.accounts = accounts

    # --- orders --------------------------------------------------------------------------------

    def check_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        """Check an order and reserve what it needs.

        This is the plain case written out: a limit order that the account covers, no setting but
        the default limit mode, every figure within NARROW and above zero. Anything else goes to
        :func:`check_order`, before any change; the answers are the same, to the digits of a zero.
        What comes of it is stored here and not by constructors, which would take half as long as
        all the rest.
        """
        price, quantity, side = order._price_, order._quantity_, order._side_
        account = order._account_
        if price is None or quantity is None or account is None or not self._plain:
            return check_order(self._desk, order, now, call)
        funds = self._funds.get(account)
        if funds is None:
            return check_order(self._desk, order, now, call)
        try:
            notional = _multiply(price, quantity)
            if side is _BUY:
                paid, hold = order._settlement_, notional
                bought, incoming = order._underlying_, quantity
            elif side is _SELL:
                paid, hold = order._underlying_, quantity
                bought, incoming = order._settlement_, notional
            else:
                return check_order(self._desk, order, now, call)
            slots = funds.slots
            if paid is None or bought is None:
                return check_order(self._desk, order, now, call)
            slot = slots.get(paid)
            # Signs are looked at, and nothing is compared: that costs three times as much.
            if slot is None or not notional or notional.is_signed() or slot.held.is_signed():
                return check_order(self._desk, order, now, call)
            available = _subtract(slot.available, hold)
            if available.is_signed():
                return check_order(self._desk, order, now, call)
            held = _add(slot.held, hold) if slot.held else hold
            other = slots.get(bought)
            expected = (
                _add(other.incoming, incoming) if other is not None and other.incoming else incoming
            )
        except ArithmeticError:
            return check_order(self._desk, order, now, call)
        if other is None:
            other = funds.slot(bought)
        verdict = PlainFunds(
            self._holdings,
            account,
            price,
            quantity,
            side is _BUY,
            paid,
            available,
            held,
            bought,
            expected,
        )
        # Last, and in plain stores: an interrupt leaves all of it or nothing (see finalize.py).
        slot.available = available
        slot.held = held
        slot.incoming = slot.incoming or ZERO
        other.incoming = expected
        return verdict

    @property
    def holds_plain(self) -> bool:
        return self._plain

    def hold_plain(self, orders: ManyOrders, kind: int, rows: list[HeldRow]) -> bool:
        return hold_plain(self._funds, orders, kind, self.group_id, rows)

    def held_in(self, effects: Effects, kind: int) -> HeldRow | None:
        if type(effects) is not PlainFunds or effects.mutations is not ITSELF:
            return None
        buys, paid, bought = effects.buys, effects.paid, effects.bought
        return (
            kind, effects.account, self.group_id, *((bought, paid) if buys else (paid, bought)),
            buys, effects.quantity, effects.own_prices,
            effects.available, effects.held, effects.expected,
        )  # fmt: skip

    def effects_of(self, row: HeldRow) -> Effects:
        _, account, _, underlying, settlement, buys, quantity, price, available, held, due = row
        paid, bought = (settlement, underlying) if buys else (underlying, settlement)
        return PlainFunds(
            self._holdings,
            account,
            Decimal(price),
            Decimal(quantity),
            buys,
            paid,
            available,
            held,
            bought,
            due,
        )

    def peek_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        account = order._account_
        if account is None:
            return self.check_main(order, now, call)
        before = Glance(self._funds, account, (order._underlying_, order._settlement_))
        try:
            verdict = self.check_main(order, now, call)
        finally:
            try:
                before.restore()
            except BaseException:
                before.restore()  # an interrupt came in between
                raise
        if verdict is not None:
            verdict.mutations = ()
        return verdict

    def check_drop_copy(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        return check_order(self._desk, order, now, call)

    # --- what comes back -----------------------------------------------------------------------

    def apply_report(
        self, report: ExecutionReport, now: int, call: PolicyCall | None
    ) -> ReportEffect | None:
        return apply_report(self._desk, report)

    def apply_adjustment(
        self, account: int, adjustment: Adjustment, now: int, call: PolicyCall | None
    ) -> AdjustmentEffect | None:
        return apply_adjustment(self._desk, account, adjustment, call)

    # --- settings ------------------------------------------------------------------------------

    def prepare_spot_funds(self, update: FundsUpdate) -> Callable[[], None]:
        """Validate new settings; return what applies them, from the next call on.

        Raises:
            SettingsError: slippage of more than one hundred percent.
        """
        update.require_sense()

        def apply() -> None:
            update.apply_to(self._desk.settings)
            self._plain = self._desk.settings.plain

        return apply

    def prepare_barriers(
        self, update: BarriersUpdate
    ) -> Callable[[], list[tuple[int, AccountBlock]]]:
        """Validate new PnL barriers; return what applies them.

        That in turn returns the blocks of accounts whose effective barrier changed and does not
        hold, by account id; accounts with a block cause of their own are left out. Nothing is
        recorded here.

        Raises:
            SettingsError: a barrier without any bound.
        """
        update.require_sense()
        return lambda: self._replace_barriers(update.applied_to(self._desk.settings.barriers))

    def _replace_barriers(self, barriers: PnlBarriers) -> list[tuple[int, AccountBlock]]:
        desk = self._desk
        view = desk.accounts
        previous = desk.settings.barriers
        desk.settings.set_barriers(barriers)
        self._plain = desk.settings.plain
        blocks = []
        known = {*desk.funds, *view.known_accounts(), *previous.of_account, *barriers.of_account}
        # An account barrier is a setting, and stands in every shard; its account lives in one.
        for account in sorted(filter(view.owns, known)):
            group, currency = view.group_of(account), view.currency_of(account)
            before = previous.effective(account, group, currency)
            if barriers.effective(account, group, currency) == before:
                continue
            breach = desk.breach(account, group)
            if breach is not None and not view.has_own_block(account):
                blocks.append((account, switch_block(breach)))
        return blocks

    def prepare_account_pnl(
        self, update: AccountPnlUpdate
    ) -> Callable[[], list[tuple[int, AccountBlock]]]:
        """Return what sets or halts an account's PnL, and then returns the block that follows."""

        def apply() -> list[tuple[int, AccountBlock]]:
            account = update.account
            group = self._desk.accounts.group_of(account)
            blocks = set_account_pnl(self._desk, account, group, update.state)
            return [(account, block) for block in blocks]

        return apply

    def group_changed(self, account: int, old: int | None, new: int | None) -> AccountBlock | None:
        desk = self._desk
        barriers, view = desk.settings.barriers, desk.accounts
        if not desk.settings.has_barriers:
            return None
        before = barriers.effective(account, old, view.currency_in(account, old))
        if barriers.effective(account, new, view.currency_in(account, new)) == before:
            return None
        breach = desk.breach(account, new)
        return None if breach is None else switch_block(breach)

    # --- what there is -------------------------------------------------------------------------

    table_name = "spot_funds"

    def settings_table(self) -> SettingsTable:
        return funds_table(self._desk.settings)

    def figures_of(self, account: int) -> AccountFigures | None:
        funds = self._funds.get(account)
        if funds is None:
            return None
        slots = tuple(
            (asset, one.available, one.held, one.incoming, one.average, one.pnl)
            for asset, one in sorted(funds.slots.items())
            if not one.is_empty
        )
        currency = self._desk.accounts.currency_of(account)
        pnls = () if funds.pnl is None else ((currency, funds.pnl),)
        return AccountFigures(slots, pnls) if slots or pnls else None

    def export_state(self) -> State:
        return export_settings(self._desk.settings), export_funds(self._funds)

    def restore_state(self, state: State) -> None:
        settings, funds = state
        restore_settings(self._desk.settings, settings)
        self._plain = self._desk.settings.plain
        restore_funds(self._funds, funds)

    def export_effect(self, effect: Finalizer) -> State:
        is_own = (
            isinstance(effect, (ReservedFunds, PlainFunds))
            and effect.holdings is self._desk.holdings
        )
        return export_reserved(effect) if is_own else None  # type: ignore[arg-type]  # see is_own

    def restore_effect(self, state: State) -> Finalizer:
        return restore_reserved(self._desk, state)
