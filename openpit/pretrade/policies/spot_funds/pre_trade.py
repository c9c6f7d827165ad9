"""Checking an order: can the account cover it, may its position go there, and what is set aside.

Follows spec sections 9.5.2 and 9.5.3. The plain case, a limit order of an account that only has to
be covered, takes a shorter way to the same answers in ``policy``.
"""

from __future__ import annotations

from decimal import Context
from typing import TYPE_CHECKING, Final

from openpit.param.decimals import (
    ZERO,
    DecimalOverflow,
    add,
    divide,
    multiply,
    negate,
    plain,
    subtract,
)
from openpit.param.enums import Side
from openpit.pretrade.codes import ORDER
from openpit.pretrade.policies.spot_funds.desk import NAME, overflow_reject, switch_reject
from openpit.pretrade.policies.spot_funds.holdings import close_if_empty, open_funds
from openpit.pretrade.policies.spot_funds.pricing import PriceFailure
from openpit.pretrade.policies.spot_funds.reservation import Leg, ReservedFunds
from openpit.pretrade.rejects import Reject, missing_field
from openpit.pretrade.runtime import Verdict

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.core.order import Order
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policies.spot_funds.holdings import Slot
    from openpit.pretrade.runtime import Call

__all__ = ["check_order"]

# Any sum of two fixed decimals: 29 digits and 28 behind the point.
_EXACT: Final = Context(prec=60)

_VALUE_FAILED: Final = "OrderValueCalculationFailed"
_QUANTITY_FAILED: Final = "price or volume could not be used to evaluate order quantity"


class _Refused(Exception):  # noqa: N818 - an outcome, not an error
    """The order cannot pass; carries the one reject that says why."""

    def __init__(self, reject: Reject) -> None:
        super().__init__()
        self.reject = reject


def check_order(desk: Desk, order: Order, now: int, call: Call | None) -> Verdict:
    """Check an order and reserve what it needs; a reject leaves everything as it was.

    A drop copy is recorded whatever limits it breaks: only what cannot be evaluated stops it, and a
    PnL outside its barrier is reported beside what is recorded (spec section 5.7).
    """
    for value, label in (
        (None if order._underlying is None else order._settlement, "instrument"),
        (order._account, "account ID"),
        (order._side, "side"),
        (order._quantity if order._volume is None else order._volume, "trade amount"),
    ):
        if value is None:
            return Verdict([missing_field(label, NAME)])
    account = order._account
    group = desk.group_of(account, call)
    drop_copy = call is not None and call.is_drop_copy

    breach = desk.breach(account, group)
    rejects = None if breach is None else [switch_reject(breach)]
    if rejects and not drop_copy:
        return Verdict(rejects)
    try:
        price = _effective_price(desk, order, account, group, now, drop_copy=drop_copy)
        legs = _legs_of(order, price, drop_copy=drop_copy)
        check = _Check(desk, account, group, drop_copy=drop_copy)
        rows = check.reserve(legs)
    except _Refused as refused:
        return Verdict([*(rejects or ()), refused.reject])
    mutations = (ReservedFunds(desk, account, legs),) if rows else ()
    return Verdict(rejects, mutations, rows, (price,))


def _effective_price(
    desk: Desk, order: Order, account: int, group: int | None, now: int, *, drop_copy: bool
) -> Decimal:
    """Return the price that the order is valued at: its limit, or the market with slippage."""
    if order._price is not None:
        return order._price
    if drop_copy:
        raise _refused(
            "MissingRequiredField",
            "limit price is required for drop-copy",
            "historical market orders cannot be valued at the current market price",
        )
    if desk.market is None:
        raise _refused("UnsupportedOrderType", "market orders not supported", "")
    try:
        return desk.market.order_price(
            desk.settings, order, account, group, now
        )
    except PriceFailure as failure:
        raise _refused(failure.code, failure.reason, "") from None


def _legs_of(order: Order, price: Decimal, *, drop_copy: bool) -> tuple[Leg, ...]:
    """Return what the order does to each asset, in the order in which it is checked."""
    underlying, settlement = order._underlying, order._settlement
    quantity, volume = order._quantity, order._volume
    if quantity is None:
        quantity = _quantity_of(volume, price, drop_copy=drop_copy)
        if not price:
            volume = ZERO
    if order._side is Side.BUY and volume is not None:
        notional = volume if price > ZERO else ZERO
    else:
        try:
            notional = multiply(price, quantity)
        except DecimalOverflow:
            raise _refused(_VALUE_FAILED, "order value calculation failed", "") from None
    if order._side is Side.BUY:
        paid = notional if notional > ZERO else ZERO
        return Leg(settlement, paid, ZERO), Leg(underlying, ZERO, quantity)
    if notional < ZERO:
        return Leg(underlying, quantity, ZERO), Leg(settlement, negate(notional), ZERO)
    return Leg(underlying, quantity, ZERO), Leg(settlement, ZERO, notional)


def _quantity_of(volume: Decimal, price: Decimal, *, drop_copy: bool) -> Decimal:
    """Return the quantity of a volume order; one at price zero can only be recorded, as nothing."""
    if not price:
        if drop_copy:
            return ZERO
        raise _refused(_VALUE_FAILED, "order value calculation failed", _QUANTITY_FAILED)
    try:
        return divide(volume, price.copy_abs())
    except DecimalOverflow:
        raise _refused(
            _VALUE_FAILED, "order value calculation failed", _QUANTITY_FAILED
        ) from None


class _Check:
    """The legs of one order against the account's slots."""

    __slots__ = ("_account", "_desk", "_enforce", "_limited")

    def __init__(self, desk: Desk, account: int, group: int | None, *, drop_copy: bool) -> None:
        self._desk = desk
        self._account = account
        self._limited = not drop_copy
        self._enforce = not drop_copy and not desk.settings.is_track_only(account, group)

    def reserve(self, legs: tuple[Leg, ...]) -> list[OutcomeRow]:
        """Write every leg and return its row; a refused leg takes back the ones before it."""
        rows = []
        funds = open_funds(self._desk.funds, self._account)
        for position, leg in enumerate(legs):
            if not leg.hold and not leg.incoming:
                continue
            slot = funds.slot(leg.asset)
            try:
                rows.append(self._reserve_leg(leg, slot))
            except _Refused:
                funds.drop_if_empty(leg.asset)
                close_if_empty(self._desk.funds, self._account)
                ReservedFunds(self._desk, self._account, legs[:position]).rollback()
                raise
        close_if_empty(self._desk.funds, self._account)
        return rows

    def _reserve_leg(self, leg: Leg, slot: Slot) -> OutcomeRow:
        asset, hold, incoming = leg
        if hold:
            try:
                spendable = add(slot.available, slot.held) if slot.held < ZERO else slot.available
                if self._enforce and hold > spendable:
                    raise _refused(
                        "InsufficientFunds",
                        "spot funds insufficient",
                        f"asset {asset}: available {plain(spendable)}, requested {plain(hold)}",
                    )
                available = subtract(slot.available, hold)
                held = add(slot.held, hold)
            except DecimalOverflow:
                raise _overflow("hold", asset, hold) from None
            if self._limited:
                self._check_short(asset, hold, slot)
            slot.available = available
            slot.held = held
            return (
                asset, negate(hold), available, hold, held, None, None, None, None, None, None
            )  # fmt: skip
        try:
            expected = add(slot.incoming, incoming)
        except DecimalOverflow:
            raise _overflow("incoming", asset, incoming) from None
        if self._limited:
            self._check_long(asset, incoming, slot)
        slot.incoming = expected
        return (asset, None, None, None, None, incoming, expected, None, None, None, None)

    def _check_long(self, asset: str, incoming: Decimal, slot: Slot) -> None:
        """Refuse when all that is to come in could take the position over its limit."""
        limit = self._desk.settings.position_limit(self._account, asset)
        if limit is None:
            return
        projected = _position(asset, slot)
        if slot.incoming > ZERO:
            projected = _project(asset, projected, slot.incoming)
        projected = _project(asset, projected, incoming)
        if projected > limit:
            raise _beyond_limit(asset, "long", projected, limit)

    def _check_short(self, asset: str, hold: Decimal, slot: Slot) -> None:
        """Refuse when all that is held could take the position under its limit."""
        limit = self._desk.settings.position_limit(self._account, asset)
        if limit is None:
            return
        projected = _position(asset, slot)
        if slot.held > ZERO:
            projected = _project(asset, projected, negate(slot.held))
        projected = _project(asset, projected, negate(hold))
        if projected < negate(limit):
            raise _beyond_limit(asset, "short", projected, limit)


def _position(asset: str, slot: Slot) -> Decimal:
    return _exact_sum(asset, "pre-order reconstruction", slot.available, slot.held)


def _project(asset: str, position: Decimal, change: Decimal) -> Decimal:
    return _exact_sum(asset, "projection", position, change)


def _exact_sum(asset: str, stage: str, a: Decimal, b: Decimal) -> Decimal:
    """Return ``a + b``; a limit is not checked against a figure that had to be rounded."""
    try:
        total = add(a, b)
    except DecimalOverflow:
        cause = "overflow"
    else:
        if total == _EXACT.add(a, b):
            return total
        cause = "inexact"
    raise _Refused(
        overflow_reject(
            f"position-limit arithmetic failure: asset {asset}, stage {stage}, cause {cause}", ORDER
        )
    )


def _beyond_limit(asset: str, side: str, projected: Decimal, limit: Decimal) -> _Refused:
    return _refused(
        "PositionLimitExceeded",
        "position limit exceeded",
        f"asset {asset}, side {side}, projected worst-case position {plain(projected)}, "
        f"limit {plain(limit)}",
    )


def _overflow(step: str, asset: str, requested: Decimal) -> _Refused:
    return _Refused(
        overflow_reject(
            f"pre-trade {step} overflow: asset {asset}, requested {plain(requested)}", ORDER
        )
    )


def _refused(code: str, reason: str, details: str) -> _Refused:
    return _Refused(Reject._of(code, reason, details, NAME, ORDER))
