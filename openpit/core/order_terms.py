"""What an order says beyond its operation, on venues that ask for it: position and margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openpit.core import choices
from openpit.core.absent import AbsentFields
from openpit.core.assets import optional_asset_text
from openpit.core.debug_text import optional, optional_member, truth
from openpit.core.signatures import AnyArguments
from openpit.param.guarded import store
from openpit.param.margin import Leverage, leverage_steps, new_leverage
from openpit.param.refusals import not_an_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openpit.param.enums import PositionSide
    from openpit.param.ids import Asset

__all__ = ["OrderMargin", "OrderPosition", "leverage_text", "optional_leverage"]


class OrderPosition(AbsentFields):
    """How the order stands to a position, on venues that ask for it.

    ``position_side`` may be its text in any case.

    Raises:
        TypeError: a value is of another class, or ``position_side`` a text that names no side; the
            flags must be ``bool``.
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_close_position_", "_position_side_", "_reduce_only_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("OrderPosition")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_close_position_": False,
        "_position_side_": None,
        "_reduce_only_": False,
    }

    _close_position_: bool
    _position_side_: PositionSide | None
    _reduce_only_: bool

    def __init__(
        self,
        *,
        position_side: PositionSide | None = None,
        reduce_only: bool = False,
        close_position: bool = False,
    ) -> None:
        store(self, "_position_side_", choices.position_side(position_side))
        store(self, "_reduce_only_", _flag(reduce_only))
        store(self, "_close_position_", _flag(close_position))

    @property
    def position_side(self) -> PositionSide | None:
        """The side of the position that the order is for."""
        return self._position_side_

    @property
    def reduce_only(self) -> bool:
        """Whether the order may only make the position smaller."""
        return self._reduce_only_

    @property
    def close_position(self) -> bool:
        """Whether the order closes the whole position."""
        return self._close_position_

    def __repr__(self) -> str:
        return (
            f"OrderPosition(position_side={optional_member(self._position_side_)}, "
            f"reduce_only={truth(self._reduce_only_)}, "
            f"close_position={truth(self._close_position_)})"
        )


class OrderMargin(AbsentFields):
    """How the order is margined, on venues that ask for it.

    ``leverage`` may be a number that :class:`Leverage` takes. ``collateral_asset`` is text that is
    not blank, ``auto_borrow`` a ``bool``.

    Raises:
        ValueError: ``leverage`` is none, or ``collateral_asset`` blank.
        TypeError: ``collateral_asset`` is no text, or ``auto_borrow`` no ``bool``.
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_auto_borrow_", "_collateral_", "_leverage_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("OrderMargin")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_auto_borrow_": False,
        "_collateral_": None,
        "_leverage_": None,
    }

    _auto_borrow_: bool
    _collateral_: str | None
    _leverage_: int | None

    def __init__(
        self,
        *,
        leverage: Leverage | int | float | None = None,
        collateral_asset: Asset | None = None,
        auto_borrow: bool = False,
    ) -> None:
        store(self, "_leverage_", optional_leverage(leverage))
        store(self, "_collateral_", optional_asset_text(collateral_asset))
        store(self, "_auto_borrow_", _flag(auto_borrow))

    @property
    def leverage(self) -> Leverage | None:
        """The leverage that the order asks for."""
        return None if self._leverage_ is None else new_leverage(self._leverage_)

    @property
    def collateral_asset(self) -> Asset | None:
        """The asset that backs the order."""
        return self._collateral_  # type: ignore[return-value]  # a plain str, as in the reference

    @property
    def auto_borrow(self) -> bool:
        """Whether the venue may borrow what is missing."""
        return self._auto_borrow_

    def __repr__(self) -> str:
        return (
            f"OrderMargin(leverage={leverage_text(self._leverage_)}, "
            f"collateral_asset={optional(self._collateral_)}, "
            f"auto_borrow={truth(self._auto_borrow_)})"
        )


def _flag(value: object) -> bool:
    """Return a strict truth value; TypeError for anything else."""
    if value is True or value is False:
        return value
    raise not_an_instance(value, "bool")


def optional_leverage(leverage: Leverage | float | None) -> int | None:
    """Return the tenths of a leverage given as such or as a number, None for None."""
    return None if leverage is None else leverage_steps(leverage)


def leverage_text(tenths: int | None) -> str:
    """Return a leverage that may be absent, as ``repr`` shows it."""
    return "None" if tenths is None else f"Some({tenths / Leverage.SCALE})"
