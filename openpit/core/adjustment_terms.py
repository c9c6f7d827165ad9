"""By how much an adjustment changes an account, and between which bounds the result must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openpit.core.absent import AbsentFields
from openpit.core.debug_text import optional, optional_figure
from openpit.core.signatures import AnyArguments
from openpit.param.amounts import AdjustmentAmount, new_adjustment_amount
from openpit.param.classes import is_of
from openpit.param.fixed_decimal import decimal_of
from openpit.param.guarded import store
from openpit.param.values import PositionSize, new_position_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

__all__ = ["Amount", "Bounds"]


class Amount(AbsentFields):
    """By or to how much balance, held and incoming change; None leaves a figure as it is.

    Raises:
        TypeError: a change is no :class:`AdjustmentAmount`.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = ("__dict__", "__weakref__", "_balance_", "_held_", "_incoming_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("Amount")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_balance_": None,
        "_held_": None,
        "_incoming_": None,
    }

    _balance_: AdjustmentAmount | None
    _held_: AdjustmentAmount | None
    _incoming_: AdjustmentAmount | None

    def __init__(
        self,
        *,
        balance: AdjustmentAmount | None = None,
        held: AdjustmentAmount | None = None,
        incoming: AdjustmentAmount | None = None,
    ) -> None:
        store(self, "_balance_", _optional_amount(balance))
        store(self, "_held_", _optional_amount(held))
        store(self, "_incoming_", _optional_amount(incoming))

    @property
    def balance(self) -> AdjustmentAmount | None:
        """The change of what the account owns."""
        return _fresh(self._balance_)

    @property
    def held(self) -> AdjustmentAmount | None:
        """The change of what is reserved for open orders."""
        return _fresh(self._held_)

    @property
    def incoming(self) -> AdjustmentAmount | None:
        """The change of what open orders will bring."""
        return _fresh(self._incoming_)

    def __repr__(self) -> str:
        balance, held, incoming = (
            optional(None if amount is None else repr(_fresh(amount)))
            for amount in (self._balance_, self._held_, self._incoming_)
        )
        return f"AccountAdjustmentAmount(balance={balance}, held={held}, incoming={incoming})"


class Bounds(AbsentFields):
    """Between which figures balance, held and incoming must stay; None sets no bound.

    Each may be anything that :class:`PositionSize` takes.

    Raises:
        TypeError: a bound is an amount of another kind.
        ValueError: a bound is no amount.
        ParamError: a bound is not an amount that :class:`PositionSize` takes.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_balance_lower_",
        "_balance_upper_",
        "_held_lower_",
        "_held_upper_",
        "_incoming_lower_",
        "_incoming_upper_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("Bounds")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_balance_lower_": None,
        "_balance_upper_": None,
        "_held_lower_": None,
        "_held_upper_": None,
        "_incoming_lower_": None,
        "_incoming_upper_": None,
    }

    _balance_lower_: Decimal | None
    _balance_upper_: Decimal | None
    _held_lower_: Decimal | None
    _held_upper_: Decimal | None
    _incoming_lower_: Decimal | None
    _incoming_upper_: Decimal | None

    def __init__(
        self,
        *,
        balance_upper: PositionSize | None = None,
        balance_lower: PositionSize | None = None,
        held_upper: PositionSize | None = None,
        held_lower: PositionSize | None = None,
        incoming_upper: PositionSize | None = None,
        incoming_lower: PositionSize | None = None,
    ) -> None:
        store(self, "_balance_upper_", _optional_size(balance_upper))
        store(self, "_balance_lower_", _optional_size(balance_lower))
        store(self, "_held_upper_", _optional_size(held_upper))
        store(self, "_held_lower_", _optional_size(held_lower))
        store(self, "_incoming_upper_", _optional_size(incoming_upper))
        store(self, "_incoming_lower_", _optional_size(incoming_lower))

    @property
    def balance_upper(self) -> PositionSize | None:
        """The largest balance that may result."""
        return _size(self._balance_upper_)

    @property
    def balance_lower(self) -> PositionSize | None:
        """The smallest balance that may result."""
        return _size(self._balance_lower_)

    @property
    def held_upper(self) -> PositionSize | None:
        """The largest held figure that may result."""
        return _size(self._held_upper_)

    @property
    def held_lower(self) -> PositionSize | None:
        """The smallest held figure that may result."""
        return _size(self._held_lower_)

    @property
    def incoming_upper(self) -> PositionSize | None:
        """The largest incoming figure that may result."""
        return _size(self._incoming_upper_)

    @property
    def incoming_lower(self) -> PositionSize | None:
        """The smallest incoming figure that may result."""
        return _size(self._incoming_lower_)

    def __repr__(self) -> str:
        return (
            f"AccountAdjustmentBounds(balance_upper={optional_figure(self._balance_upper_)}, "
            f"balance_lower={optional_figure(self._balance_lower_)}, "
            f"held_upper={optional_figure(self._held_upper_)}, "
            f"held_lower={optional_figure(self._held_lower_)}, "
            f"incoming_upper={optional_figure(self._incoming_upper_)}, "
            f"incoming_lower={optional_figure(self._incoming_lower_)})"
        )


def _optional_amount(amount: object) -> AdjustmentAmount | None:
    """Return an amount that may be absent; TypeError for another class."""
    if amount is None or is_of(amount, AdjustmentAmount):
        return amount
    raise TypeError("value must be openpit.param.AdjustmentAmount")


def _fresh(amount: AdjustmentAmount | None) -> AdjustmentAmount | None:
    """Return an amount object of its own, as each access to the reference's does."""
    return None if amount is None else new_adjustment_amount(amount._value_, amount._is_absolute_)


def _optional_size(size: PositionSize | None) -> Decimal | None:
    return None if size is None else decimal_of(PositionSize(size))


def _size(value: Decimal | None) -> PositionSize | None:
    return None if value is None else new_position_size(value)
