"""Order size limit: caps on the quantity and the notional of one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.param.decimals import NARROW, ZERO, DecimalOverflow, multiply, negate, plain
from openpit.param.division import divide
from openpit.pretrade.policies.arguments import MODULE, group_id_value
from openpit.pretrade.policies.order_size_limit_settings import (
    NAME,
    Cap,
    OrderSizeSettings,
    OrderSizeUpdate,
    asset_caps,
    cap_of,
    pair_caps,
)
from openpit.pretrade.policies.tables import sizes_table
from openpit.pretrade.policy_contract import BuiltinPolicy
from openpit.pretrade.rejects import Reject, missing_field, new_reject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from decimal import Decimal

    from openpit.core.order import Order
    from openpit.pretrade.policies.order_size_limit_settings import (
        OrderSizeAccountAssetBarrier,
        OrderSizeAssetBarrier,
        OrderSizeBrokerBarrier,
    )
    from openpit.pretrade.policies.registration import PolicyRegistrar
    from openpit.pretrade.policies.tables import SettingsTable
    from openpit.pretrade.policy_contract import OrderColumns, PolicyCall
    from openpit.pretrade.state_values import State

__all__ = [
    "OrderSizeLimitBuilder",
    "OrderSizeLimitPolicy",
    "OrderSizeLimitReadyBuilder",
    "build_order_size_limit",
]

_NO_CAP: Final = Cap(None, None)
_NO_PRICE: Final = "price not provided for evaluating cash flow/notional/volume"

_exact_product = NARROW.multiply


class _Uncomputable(Exception):  # noqa: N818 - a turn in the evaluation, not an error of the caller
    """A value that a cap needs cannot be computed; the text says why."""


class OrderSizeLimitPolicy(BuiltinPolicy):
    """Rejects orders over a cap. Keeps no state but its settings."""

    __slots__ = (
        "_broker_notional",
        "_broker_quantity",
        "_chained",
        "_least_notional",
        "_settings",
        "group_id",
        "name",
    )

    checks_drop_copies = False

    settings_type: Final = (
        "openpit::storage::config_cell::ArcSwapConfigCell"
        "<openpit::pretrade::policies::order_size_limit::OrderSizeLimitSettings>"
    )

    def __init__(self, settings: OrderSizeSettings, group_id: int) -> None:
        self.name = NAME
        self.group_id = group_id
        self._take(settings)

    def _take(self, settings: OrderSizeSettings) -> None:
        self._settings = settings
        self._broker_quantity, self._broker_notional = settings.broker or _NO_CAP
        # Prices may be negative; the cap is on the amount.
        self._least_notional = negate(self._broker_notional or ZERO)
        self._chained = bool(settings.assets or settings.account_assets)

    table_name = "order_size_limit"

    def settings_table(self) -> SettingsTable:
        return sizes_table(self._settings)

    def prepare(self, update: OrderSizeUpdate, now: int) -> Callable[[], None]:
        """Validate new settings; return what applies them.

        Raises:
            SettingsError: a barrier without any cap, or two barriers of one key.
        """
        settings = self._settings.updated(update)
        return lambda: self._take(settings)

    def export_state(self) -> State:
        return self._settings.export()

    def restore_state(self, state: State) -> None:
        self._take(OrderSizeSettings.restored(state))

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        if self._chained:
            return self._check_chain(order)
        # The plain case, broker caps on a quantity order with a price, is decided without calls.
        max_quantity, max_notional = self._broker_quantity, self._broker_notional
        quantity, price = order._quantity_, order._price_
        if (
            quantity is not None
            and price is not None
            and (max_quantity is None or quantity <= max_quantity)
        ):
            if max_notional is None:
                return None
            try:
                if self._least_notional <= _exact_product(quantity, price) <= max_notional:
                    return None
            except ArithmeticError:
                pass  # more digits than a fixed decimal holds: the rounding below decides
        if max_quantity is None and max_notional is None:
            return None
        return self._judge(order, _NO_CAP)

    peek_start = check_start

    def doubtful(self, orders: OrderColumns) -> Collection[int] | None:
        if self._chained:
            return None
        try:
            return self._over_the_brokers(orders)
        except (ArithmeticError, TypeError):
            return None  # more digits than a fixed decimal holds, or an order lacks one of them

    def _over_the_brokers(self, orders: OrderColumns) -> Collection[int]:
        """Return the places of orders that are over the broker's limits, or perhaps; may raise."""
        quantities, most = orders.quantities, self._broker_quantity
        places: list[int] = []
        if most is not None and max(quantities) > most:  # type: ignore[type-var,operator]  # raises
            places = [at for at, quantity in enumerate(quantities) if quantity > most]  # type: ignore[operator]  # as above
        least, most = self._least_notional, self._broker_notional
        if most is not None:
            notionals = [*map(_exact_product, quantities, orders.prices)]  # type: ignore[arg-type]  # as above
            if min(notionals) < least or max(notionals) > most:
                places += [
                    at for at, notional in enumerate(notionals) if not least <= notional <= most
                ]
        return places

    def _check_chain(self, order: Order) -> list[Reject] | None:
        settings = self._settings
        underlying, settlement = order._underlying_, order._settlement_
        if underlying is None or settlement is None:
            return [missing_field("instrument", NAME)]
        account = None
        if settings.account_assets:
            account = order._account_
            if account is None:
                return [missing_field("account ID", NAME)]
        max_quantity = max_notional = None
        if account is not None:
            by_pair = settings.account_assets.get
            max_quantity = by_pair((account, underlying), _NO_CAP).quantity
            max_notional = by_pair((account, settlement), _NO_CAP).notional
        if max_quantity is None:
            max_quantity = settings.assets.get(underlying, _NO_CAP).quantity
        if max_notional is None:
            max_notional = settings.assets.get(settlement, _NO_CAP).notional
        # As above, a quantity order with a price that is within all caps is decided without calls.
        quantity, price = order._quantity_, order._price_
        if (
            quantity is not None
            and price is not None
            and (max_quantity is None or quantity <= max_quantity)
            and (self._broker_quantity is None or quantity <= self._broker_quantity)
        ):
            most = self._broker_notional
            if most is max_notional is None:
                return None
            try:
                notional = _exact_product(quantity, price).copy_abs()
                if (max_notional is None or notional <= max_notional) and (
                    most is None or notional <= most
                ):
                    return None
            except ArithmeticError:
                pass  # as above
        return self._judge(order, Cap(max_quantity, max_notional))

    def _judge(self, order: Order, chain: Cap) -> list[Reject] | None:
        broker = self._settings.broker or _NO_CAP
        if chain == broker == _NO_CAP:
            return None  # no cap is about this order: none of its amounts is read
        if order._quantity_ is None and order._volume_ is None:
            return [missing_field("trade amount", NAME)]
        try:
            quantity = notional = None
            if chain.quantity is not None or broker.quantity is not None:
                quantity = _quantity_of(order)
            if chain.notional is not None or broker.notional is not None:
                notional = _notional_of(order)
        except _Uncomputable as error:
            return [
                new_reject(
                    "OrderValueCalculationFailed",
                    "order value calculation failed",
                    str(error),
                    NAME,
                    "order",
                )
            ]
        return _breach(
            quantity, notional, chain, (order._underlying_, order._settlement_)
        ) or _breach(quantity, notional, broker, None)


def _quantity_of(order: Order) -> Decimal:
    if order._quantity_ is not None:
        return order._quantity_
    price = order._price_
    if price is None:
        raise _Uncomputable(_NO_PRICE)
    if not price:
        return ZERO
    assert order._volume_ is not None  # noqa: S101 - an amount is one or the other
    try:
        return divide(order._volume_, price.copy_abs())
    except DecimalOverflow:
        raise _Uncomputable(
            "price or volume could not be used to evaluate order quantity"
        ) from None


def _notional_of(order: Order) -> Decimal:
    if order._volume_ is not None:
        return order._volume_
    price = order._price_
    if price is None:
        raise _Uncomputable(_NO_PRICE)
    assert order._quantity_ is not None  # noqa: S101 - an amount is one or the other
    try:
        return multiply(order._quantity_, price.copy_abs())
    except DecimalOverflow:
        raise _Uncomputable(
            "price or quantity could not be used to evaluate order notional"
        ) from None


def _breach(
    quantity: Decimal | None,
    notional: Decimal | None,
    cap: Cap,
    assets: tuple[str | None, str | None] | None,
) -> list[Reject] | None:
    """Return the reject of one barrier; the assets are named only where both metrics breach."""
    over_quantity = quantity is not None and cap.quantity is not None and quantity > cap.quantity
    over_notional = notional is not None and cap.notional is not None and notional > cap.notional
    if not (over_quantity or over_notional):
        return None
    if over_quantity and over_notional:
        of_quantity, of_notional = map(" for asset {}".format, assets) if assets else ("", "")
        code, reason = "OrderExceedsLimit", "order size exceeded"
        details = (
            f"requested quantity {_text(quantity)}{of_quantity}, "
            f"max allowed: {_text(cap.quantity)}; "
            f"requested notional {_text(notional)}{of_notional}, "
            f"max allowed: {_text(cap.notional)}"
        )
    elif over_quantity:
        code, reason = "OrderQtyExceedsLimit", "order quantity exceeded"
        details = f"requested {_text(quantity)}, max allowed: {_text(cap.quantity)}"
    else:
        code, reason = "OrderNotionalExceedsLimit", "order notional exceeded"
        details = f"requested {_text(notional)}, max allowed: {_text(cap.notional)}"
    return [new_reject(code, reason, details, NAME, "order")]


def _text(value: Decimal | None) -> str:
    assert value is not None  # noqa: S101 - only computed values breach
    return plain(value)


class OrderSizeLimitReadyBuilder:
    """Collects barriers; ready for ``builtin()``, also for several engines."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0
        self._broker: OrderSizeBrokerBarrier | None = None
        self._assets: list[OrderSizeAssetBarrier] = []
        self._account_assets: list[OrderSizeAccountAssetBarrier] = []

    def with_policy_group_id(self, policy_group_id: int) -> OrderSizeLimitReadyBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def broker_barrier(self, barrier: OrderSizeBrokerBarrier) -> OrderSizeLimitReadyBuilder:
        """Set the caps on every order, in place of earlier ones."""
        self._broker = barrier
        return self

    def asset_barriers(self, *barriers: OrderSizeAssetBarrier) -> OrderSizeLimitReadyBuilder:
        """Add caps by asset."""
        self._assets += barriers
        return self

    def account_asset_barriers(
        self, *barriers: OrderSizeAccountAssetBarrier
    ) -> OrderSizeLimitReadyBuilder:
        """Add caps by account and asset."""
        self._account_assets += barriers
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        update = OrderSizeUpdate(
            None if self._broker is None else cap_of(self._broker.limit),
            False,
            asset_caps(self._assets),
            pair_caps(self._account_assets),
        )
        group_id = group_id_value(self._group_id)
        settings = OrderSizeSettings(None, {}, {}).updated(update)
        registrar.add(OrderSizeLimitPolicy(settings, group_id))


class OrderSizeLimitBuilder:
    """Entry of the order size limit builder: the first axis makes it ready."""

    __module__ = MODULE

    NAME = NAME

    def __init__(self) -> None:
        self._group_id = 0

    def with_policy_group_id(self, policy_group_id: int) -> OrderSizeLimitBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def _ready(self) -> OrderSizeLimitReadyBuilder:
        return OrderSizeLimitReadyBuilder().with_policy_group_id(self._group_id)

    def broker_barrier(self, barrier: OrderSizeBrokerBarrier) -> OrderSizeLimitReadyBuilder:
        """Set the caps on every order."""
        return self._ready().broker_barrier(barrier)

    def asset_barriers(self, *barriers: OrderSizeAssetBarrier) -> OrderSizeLimitReadyBuilder:
        """Add caps by asset."""
        return self._ready().asset_barriers(*barriers)

    def account_asset_barriers(
        self, *barriers: OrderSizeAccountAssetBarrier
    ) -> OrderSizeLimitReadyBuilder:
        """Add caps by account and asset."""
        return self._ready().account_asset_barriers(*barriers)


def build_order_size_limit() -> OrderSizeLimitBuilder:
    """Start a policy that caps an order's quantity and notional."""
    return OrderSizeLimitBuilder()
