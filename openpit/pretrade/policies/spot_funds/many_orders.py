"""Plain orders of a batch, checked at once: what each holds is a row of plain values.

A shard keeps those rows, and tells them, where one engine has an object for each order: so there is
no call for each order, and nothing to make of it but its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.param.decimals import NARROW, ZERO
from openpit.param.enums import Side

if TYPE_CHECKING:
    from openpit.pretrade.policies.spot_funds.holdings import AccountFunds
    from openpit.pretrade.policy_contract import HeldRow, ManyOrders

__all__ = ["hold_plain"]

_add: Final = NARROW.add
_subtract: Final = NARROW.subtract
_multiply: Final = NARROW.multiply
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


def hold_plain(
    accounts: dict[int, AccountFunds],
    orders: ManyOrders,
    kind: int,
    group_id: int,
    rows: list[HeldRow],
) -> bool:
    """Set aside what orders need up to one that is not plain; tell whether there is such a one.

    As ``check_main()`` of the policy, which has the reasons, and decides of any other.
    """
    funds_of = accounts.get
    tell = rows.append
    for account, underlying, settlement, side, quantity, price, quantity_text, price_text in orders:
        funds = funds_of(account)
        if (
            funds is None
            or price is None
            or quantity is None
            or underlying is None
            or settlement is None
        ):
            return True
        slots = funds.slots
        try:
            if side is _BUY:
                buys = True
                hold = notional = _multiply(price, quantity)
                incoming = quantity
                slot, other = slots.get(settlement), slots.get(underlying)
            elif side is _SELL:
                buys = False
                hold = quantity
                incoming = notional = _multiply(price, quantity)
                slot, other = slots.get(underlying), slots.get(settlement)
            else:
                return True
            if slot is None or not notional or notional.is_signed():
                return True
            held = slot.held
            if held:
                if held.is_signed():
                    return True
                held = _add(held, hold)
            else:
                held = hold
            available = _subtract(slot.available, hold)
            if available.is_signed():
                return True
            if other is None:
                expected = incoming
            else:
                expected = other.incoming
                expected = _add(expected, incoming) if expected else incoming
        except ArithmeticError:
            return True
        if other is None:
            other = funds.slot(underlying if buys else settlement)
        tell((
            kind, account, group_id, underlying, settlement, buys, quantity_text, price_text,
            available, held, expected,
        ))  # fmt: skip
        # In plain stores, as there.
        slot.available = available
        slot.held = held
        slot.incoming = slot.incoming or ZERO
        other.incoming = expected
    return False
