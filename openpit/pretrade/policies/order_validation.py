"""Order validation: an order must ask for something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.pretrade.policies.arguments import MODULE, group_id_value
from openpit.pretrade.policy_contract import BuiltinPolicy
from openpit.pretrade.rejects import Reject, missing_field, new_reject

if TYPE_CHECKING:
    from collections.abc import Collection

    from openpit.core.order import Order
    from openpit.pretrade.policies.registration import PolicyRegistrar
    from openpit.pretrade.policy_contract import OrderColumns, PolicyCall

__all__ = ["OrderValidationBuilder", "OrderValidationPolicy", "build_order_validation"]

_NAME: Final = "OrderValidationPolicy"


class OrderValidationPolicy(BuiltinPolicy):
    """Rejects an order without trade amount, or with an amount of zero. Keeps no state."""

    __slots__ = ("group_id", "name")

    checks_drop_copies = False
    table_name = "order_validation"

    def __init__(self, group_id: int) -> None:
        self.name = _NAME
        self.group_id = group_id

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        if order._quantity_:
            return None
        if order._quantity_ is not None:
            return [_zero("quantity")]
        if order._volume_:
            return None
        if order._volume_ is not None:
            return [_zero("volume")]
        return [missing_field("trade amount", _NAME)]

    peek_start = check_start

    def doubtful(self, orders: OrderColumns) -> Collection[int]:
        quantities = orders.quantities
        if all(quantities):
            return ()
        return [place for place, quantity in enumerate(quantities) if not quantity]


def _zero(amount: str) -> Reject:
    return new_reject(
        "InvalidFieldValue",
        f"order {amount} must be non-zero",
        f"requested {amount} 0 is not allowed",
        _NAME,
        "order",
    )


class OrderValidationBuilder:
    """Builds an order validation policy; may be used for several engines."""

    __module__ = MODULE

    def __init__(self) -> None:
        self._group_id = 0

    def with_policy_group_id(self, policy_group_id: int) -> OrderValidationBuilder:
        """Set the id that tags the policy's outcomes, 0..65535 (checked by ``builtin()``)."""
        self._group_id = policy_group_id
        return self

    def _build(self, registrar: PolicyRegistrar) -> None:
        registrar.add(OrderValidationPolicy(group_id_value(self._group_id)))


def build_order_validation() -> OrderValidationBuilder:
    """Start a policy that rejects orders which ask for nothing."""
    return OrderValidationBuilder()
