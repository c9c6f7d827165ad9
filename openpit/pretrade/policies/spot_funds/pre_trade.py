"""Checking an order: can the account cover it, may its position go there, and what is set aside.

The plain case, a limit order of an account that only has to
be covered, takes a shorter way to the same answers in ``policy``.
"""

from __future__ import annotations

from decimal import Context
from typing import TYPE_CHECKING, Final

from openpit.param.decimals import (
    ZERO,
    DecimalOverflow,
    add,
    multiply,
    negate,
    plain,
    subtract,
)
from openpit.param.division import divide
from openpit.param.enums import Side
from openpit.pretrade.codes import ORDER
from openpit.pretrade.effects import Effects, GeneralEffects
from openpit.pretrade.policies.spot_funds.desk import NAME, overflow_reject, switch_reject
from openpit.pretrade.policies.spot_funds.holdings import Slot, close_if_empty, open_funds
from openpit.pretrade.policies.spot_funds.pricing import PriceFailure
from openpit.pretrade.policies.spot_funds.request import FundsRequest
from openpit.pretrade.policies.spot_funds.reservation import Leg, ReservedFunds
from openpit.pretrade.rejects import Reject, missing_field, new_reject

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.core.order import Order
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policy_contract import PolicyCall

__all__ = ["check_order"]

# Any sum of two fixed decimals: 29 digits and 28 behind the point.
_EXACT: Final = Context(prec=60)

_VALUE_FAILED: Final = "OrderValueCalculationFailed"
_VALUE_REASON: Final = "order value calculation failed"
_QUANTITY_FAILED: Final = "price or volume could not be used to evaluate order quantity"


class _OrderRefused(Exception):  # noqa: N818 - an outcome, not an error
    """The order cannot pass; carries the one reject that says why."""

    def __init__(self, reject: Reject) -> None:
        super().__init__()
        self.reject = reject


def check_order(desk: Desk, order: Order, now: int, call: PolicyCall | None) -> Effects:
    """Check an order and reserve what it needs.

    What a refused order has reserved already comes with its reject, for the engine to roll back
    with what the other policies did. A drop copy is recorded whatever limits it breaks: only what
    cannot be evaluated stops it, and a PnL outside its barrier is reported beside what is recorded.
    """
    underlying, settlement, account = order._underlying_, order._settlement_, order._account_
    quantity, volume = order._quantity_, order._volume_
    if underlying is None or settlement is None:
        return GeneralEffects([missing_field("instrument", NAME)])
    if account is None:
        return GeneralEffects([missing_field("account ID", NAME)])
    if order._side_ is None:
        return GeneralEffects([missing_field("side", NAME)])
    if quantity is None and volume is None:
        return GeneralEffects([missing_field("trade amount", NAME)])
    request = FundsRequest(
        account,
        desk.accounts.group_of(account),
        underlying,
        settlement,
        order._side_ is Side.BUY,
        quantity,
        volume,
        order._price_,
    )
    drop_copy = call is not None and call.is_drop_copy

    breach = desk.breach(account, request.group)
    rejects = None if breach is None else [switch_reject(breach)]
    if rejects and not drop_copy:
        return GeneralEffects(rejects)
    legs: tuple[Leg, ...] = ()
    rows: list[OutcomeRow] = []
    try:
        try:
            price = _effective_price(desk, request, now, drop_copy=drop_copy)
            legs = tuple(
                leg
                for leg in _legs_of(request, price, drop_copy=drop_copy)
                if leg.hold or leg.incoming
            )
            _Check(desk, request, drop_copy=drop_copy).reserve(legs, rows)
        except _OrderRefused as refused:
            reserved = (ReservedFunds(desk.holdings, account, legs[: len(rows)]),) if rows else ()
            verdict = GeneralEffects([*(rejects or ()), refused.reject], reserved)
        else:
            mutations = (ReservedFunds(desk.holdings, account, legs),) if rows else ()
            verdict = GeneralEffects(rejects, mutations, rows, (price,))
    except BaseException:
        # An interrupt: nobody will hear of what is reserved.
        ReservedFunds(desk.holdings, account, legs[: len(rows)]).rollback()
        raise
    return verdict


def _effective_price(desk: Desk, request: FundsRequest, now: int, *, drop_copy: bool) -> Decimal:
    """Return the price that the order is valued at: its limit, or the market with slippage."""
    if request.price is not None:
        return request.price
    if drop_copy:
        raise _refused(
            "MissingRequiredField",
            "limit price is required for drop-copy",
            "historical market orders cannot be valued at the current market price",
        )
    if desk.market is None:
        raise _refused("UnsupportedOrderType", "market orders not supported", "")
    try:
        return desk.market.order_price(desk.settings, request, now)
    except PriceFailure as failure:
        raise _refused(failure.code, failure.reason, "") from None


def _legs_of(request: FundsRequest, price: Decimal, *, drop_copy: bool) -> tuple[Leg, Leg]:
    """Return what the order does to each asset, in the order in which it is checked."""
    quantity, volume = request.quantity, request.volume
    if quantity is None:
        assert volume is not None  # noqa: S101 - one of the two is there
        quantity = _quantity_of(volume, price, drop_copy=drop_copy)
        if request.buys:
            paid = volume if price > ZERO else ZERO
            return Leg(request.settlement, paid, ZERO), Leg(request.underlying, ZERO, quantity)
    try:
        notional = multiply(price, quantity)
    except DecimalOverflow:
        raise _refused(_VALUE_FAILED, _VALUE_REASON, "") from None
    if request.buys:
        paid = max(ZERO, notional)
        return Leg(request.settlement, paid, ZERO), Leg(request.underlying, ZERO, quantity)
    sold = Leg(request.underlying, quantity, ZERO)
    if notional < ZERO:
        return sold, Leg(request.settlement, negate(notional), ZERO)
    return sold, Leg(request.settlement, ZERO, notional)


def _quantity_of(volume: Decimal, price: Decimal, *, drop_copy: bool) -> Decimal:
    """Return the quantity of a volume order; one at price zero can only be recorded, as nothing."""
    if not price:
        if drop_copy:
            return ZERO
        raise _refused(_VALUE_FAILED, _VALUE_REASON, _QUANTITY_FAILED)
    try:
        return divide(volume, price.copy_abs())
    except DecimalOverflow:
        raise _refused(_VALUE_FAILED, _VALUE_REASON, _QUANTITY_FAILED) from None


class _Check:
    """The legs of one order against the account's slots."""

    __slots__ = ("_account", "_desk", "_enforce", "_limits")

    def __init__(self, desk: Desk, request: FundsRequest, *, drop_copy: bool) -> None:
        settings, account = desk.settings, request.account
        self._desk = desk
        self._account = account
        self._enforce = not drop_copy and not settings.is_track_only(account, request.group)
        self._limits = {} if drop_copy else settings.position_limits.get(account, {})

    def reserve(self, legs: tuple[Leg, ...], rows: list[OutcomeRow]) -> None:
        """Write the legs up to one that is refused, and add a row for each."""
        funds = open_funds(self._desk.funds, self._account)
        before = Slot()
        for position, leg in enumerate(legs):
            slot = funds.slot(leg.asset)
            # An instrument that is settled in its own underlying has two legs in one asset: its
            # position limit is checked once, on both together.
            legs_so_far = [other for other in legs[: position + 1] if other.asset == leg.asset]
            if len(legs_so_far) == 1:
                before.restore(slot)
            is_last_in_asset = position == len(legs) - 1 or legs[-1].asset != leg.asset
            try:
                after = self._covered(leg, slot)
                if not is_last_in_asset and leg.asset in self._limits and _moves(legs):
                    _check_exact(leg, slot, after)
                if is_last_in_asset and leg.asset in self._limits:
                    _check_position(legs_so_far, before, self._limits[leg.asset])
                row = _row(leg, after)
            except BaseException:
                funds.drop_if_empty(leg.asset)
                close_if_empty(self._desk.funds, self._account)
                raise
            # No step in which an interrupt could fall: what is written has its row.
            slot.available, slot.held, slot.incoming = after
            rows.append(row)
        close_if_empty(self._desk.funds, self._account)

    def _covered(self, leg: Leg, slot: Slot) -> tuple[Decimal, Decimal, Decimal]:
        """Return a slot's available, held and incoming after a leg that it covers."""
        asset, hold, incoming = leg
        if not hold:
            try:
                return slot.available, slot.held, add(slot.incoming, incoming)
            except DecimalOverflow:
                raise _overflow("incoming", asset, incoming) from None
        try:
            if self._enforce:
                spendable = add(slot.available, slot.held) if slot.held < ZERO else slot.available
                if hold > spendable:
                    raise _refused(
                        "InsufficientFunds",
                        "spot funds insufficient",
                        f"asset {asset}: available {plain(spendable)}, requested {plain(hold)}",
                    )
            available = subtract(slot.available, hold)
            return available, add(slot.held, hold), add(slot.incoming, incoming)
        except DecimalOverflow:
            raise _overflow("hold", asset, hold) from None


def _row(leg: Leg, after: tuple[Decimal, Decimal, Decimal]) -> OutcomeRow:
    """Return what a leg changes in its slot, with the slot's figures after it."""
    asset, hold, incoming = leg
    available, held, expected = after
    if not hold:
        return (asset, None, None, None, None, incoming, expected, None, None, None, None)
    return (asset, negate(hold), available, hold, held, None, None, None, None, None, None)


def _check_position(legs: list[Leg], before: Slot, limit: Decimal) -> None:
    """Refuse an order with legs that could take a position beyond its limit.

    Only the side that the order moves the position to counts, and there the worst case: that all
    that is expected arrives and nothing that is held goes, or the other way round.
    """
    asset = legs[0].asset
    change = ZERO
    for leg in legs:
        change = _exact_sum(asset, "net", change, leg.incoming or negate(leg.hold))
    if not change:
        return
    position = _exact_sum(asset, "pre-order reconstruction", before.available, before.held)
    if change > ZERO:
        projected = _project(asset, position, max(ZERO, before.incoming))
        projected = _project(asset, projected, change)
        if projected > limit:
            raise _beyond_limit(asset, "long", projected, limit)
    else:
        projected = _project(asset, position, negate(max(ZERO, before.held)))
        projected = _project(asset, projected, change)
        if projected < negate(limit):
            raise _beyond_limit(asset, "short", projected, limit)


def _moves(legs: tuple[Leg, ...]) -> bool:
    """Whether legs in one asset move its position at all."""
    change = ZERO
    for leg in legs:
        change = _EXACT.add(change, _EXACT.subtract(leg.incoming, leg.hold))
    return bool(change)


def _check_exact(leg: Leg, slot: Slot, after: tuple[Decimal, Decimal, Decimal]) -> None:
    """Refuse a limited first leg that had to be rounded: the second is checked on top of it."""
    available, held, incoming = after
    if (
        available != _EXACT.subtract(slot.available, leg.hold)
        or held != _EXACT.add(slot.held, leg.hold)
        or incoming != _EXACT.add(slot.incoming, leg.incoming)
    ):
        raise _inexact_position(leg.asset, "first-step transition", "inexact")


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
    raise _inexact_position(asset, stage, cause)


def _inexact_position(asset: str, stage: str, cause: str) -> _OrderRefused:
    return _OrderRefused(
        overflow_reject(
            f"position-limit arithmetic failure: asset {asset}, stage {stage}, cause {cause}", ORDER
        )
    )


def _beyond_limit(asset: str, side: str, projected: Decimal, limit: Decimal) -> _OrderRefused:
    return _refused(
        "PositionLimitExceeded",
        "position limit exceeded",
        f"asset {asset}, side {side}, projected worst-case position {plain(projected)}, "
        f"limit {plain(limit)}",
    )


def _overflow(step: str, asset: str, requested: Decimal) -> _OrderRefused:
    return _OrderRefused(
        overflow_reject(
            f"pre-trade {step} overflow: asset {asset}, requested {plain(requested)}", ORDER
        )
    )


def _refused(code: str, reason: str, details: str) -> _OrderRefused:
    return _OrderRefused(new_reject(code, reason, details, NAME, ORDER))
