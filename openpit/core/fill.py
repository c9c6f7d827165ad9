"""What an execution report says of the fill: the trade, its cost, what of the order stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.absent import EarlyFields
from openpit.core.debug_text import optional, quoted, truth
from openpit.core.lock import Lock, copy_lock
from openpit.core.signatures import AnyArguments
from openpit.param.amounts import MonetaryAmount, Trade
from openpit.param.classes import is_of
from openpit.param.decimals import plain
from openpit.param.guarded import fill_guarded
from openpit.param.ids import new_asset
from openpit.param.refusals import not_an_instance
from openpit.param.values import Quantity, new_fee, new_price, new_quantity

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import ClassVar, Self

__all__ = ["ExecutionReportFillDetails", "new_execution_report_fill_details"]


class ExecutionReportFillDetails(EarlyFields):
    """The fill: last trade, its fee, the quantity that stays reserved, the order's price lock.

    ``remaining_reserved_quantity`` may be a raw number. ``lock`` is copied: changing it later does
    not reach the fill.

    Raises:
        TypeError: an argument is of another class; ``is_final`` is neither ``bool`` nor None.
        ValueError: ``remaining_reserved_quantity`` is no amount.
        ParamError: it is not one that :class:`Quantity` takes.
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_fee_amount_",
        "_fee_currency_",
        "_is_final_",
        "_last_price_",
        "_last_quantity_",
        "_lock_",
        "_remaining_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("ExecutionReportFillDetails")

    _fee_amount_: Decimal | None
    _fee_currency_: str | None
    _is_final_: bool | None
    _last_price_: Decimal | None
    _last_quantity_: Decimal | None
    _lock_: Lock
    _remaining_: Decimal | None

    def __init__(
        self,
        *,
        last_trade: Trade | None = None,
        fee: MonetaryAmount | None = None,
        remaining_reserved_quantity: Quantity | None = None,
        lock: Lock,
        is_final: bool | None = None,
    ) -> None:
        if fee is None:
            amount = currency = None
        elif type(fee) is MonetaryAmount or is_of(fee, MonetaryAmount):
            amount = fee.amount._value
            currency = str.__str__(fee.currency)
        else:
            raise TypeError("fee must be openpit.param.MonetaryAmount")
        try:
            self._fee_amount_ = amount
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(
                self,
                ExecutionReportFillDetails,
                last_trade=last_trade,
                fee=fee,
                remaining_reserved_quantity=remaining_reserved_quantity,
                lock=lock,
                is_final=is_final,
            )
            return
        self._fee_currency_ = currency

        if is_final is not None and is_final is not True and is_final is not False:
            raise not_an_instance(is_final, "bool")
        self._is_final_ = is_final

        if last_trade is None:
            self._last_price_ = self._last_quantity_ = None
        elif type(last_trade) is Trade or is_of(last_trade, Trade):
            self._last_price_ = last_trade._price_
            self._last_quantity_ = last_trade._quantity_
        else:
            raise not_an_instance(last_trade, "Trade")

        left = remaining_reserved_quantity
        if left is None:
            self._remaining_ = None
        else:
            self._remaining_ = left._value if type(left) is Quantity else Quantity(left)._value

        if type(lock) is not Lock and not is_of(lock, Lock):
            raise not_an_instance(lock, "Lock")
        self._lock_ = copy_lock(lock)

    @classmethod
    def _of(
        cls,
        last_price: Decimal | None,
        last_quantity: Decimal | None,
        fee_amount: Decimal | None,
        fee_currency: str | None,
        remaining: Decimal | None,
        is_final: bool | None,  # noqa: FBT001 - positional as all trusted constructors
        lock: Lock,
    ) -> Self:
        """Return a fill of known-good values; ``lock`` becomes its own."""
        self = object.__new__(cls)
        self._last_price_ = last_price
        self._last_quantity_ = last_quantity
        self._fee_amount_ = fee_amount
        self._fee_currency_ = fee_currency
        self._remaining_ = remaining
        self._is_final_ = is_final
        self._lock_ = lock
        return self

    @property
    def last_trade(self) -> Trade | None:
        """The trade that the report is about, None when it reports no trade."""
        if self._last_price_ is None or self._last_quantity_ is None:
            return None
        return Trade(
            price=new_price(self._last_price_), quantity=new_quantity(self._last_quantity_)
        )

    @property
    def fee(self) -> MonetaryAmount | None:
        """The trade's cost (negative: a rebate) and the currency that it is charged in."""
        if self._fee_amount_ is None or self._fee_currency_ is None:
            return None
        return MonetaryAmount(
            amount=new_fee(self._fee_amount_), currency=new_asset(self._fee_currency_)
        )

    @property
    def remaining_reserved_quantity(self) -> Quantity | None:
        """What of the order is still open, and so still reserved, after this report."""
        return None if self._remaining_ is None else new_quantity(self._remaining_)

    @property
    def lock(self) -> Lock:
        """A fresh copy of the prices that the order was reserved at."""
        return copy_lock(self._lock_)

    @property
    def is_final(self) -> bool | None:
        """Whether this is the order's last report, None when the venue does not say."""
        return self._is_final_

    def __repr__(self) -> str:
        trade = fee = remaining = final = "None"
        if self._last_price_ is not None and self._last_quantity_ is not None:
            price, quantity = plain(self._last_price_), plain(self._last_quantity_)
            trade = optional(f'Trade(price="{price}", quantity="{quantity}")')
        if self._fee_amount_ is not None and self._fee_currency_ is not None:
            fee = (
                f"Some(MonetaryAmount {{ amount: Fee({plain(self._fee_amount_)}), "
                f"currency: Asset({quoted(self._fee_currency_)}) }})"
            )
        if self._remaining_ is not None:
            remaining = optional(plain(self._remaining_))
        if self._is_final_ is not None:
            final = f"Some({truth(self._is_final_)})"
        return (
            f"ExecutionReportFillDetails(last_trade={trade}, fee={fee}, "
            f"remaining_reserved_quantity={remaining}, lock={quoted(repr(self._lock_))}, "
            f"is_final={final})"
        )


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_execution_report_fill_details = ExecutionReportFillDetails._of
