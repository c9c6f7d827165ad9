"""The texts with which the value types refuse classes that they do not work with."""

from __future__ import annotations

from decimal import Decimal
from typing import Never

__all__ = [
    "not_an_instance",
    "refuse_final_bases",
    "refuse_operands",
    "refuse_order",
    "refuse_subclass",
]

_BUILT_IN = (bool, int, float, complex, str, list, tuple, dict, set, type(None))
_SEQUENCES = (str, list, tuple)
_PARAM_TYPES = frozenset(
    {
        "AccountGroupId",
        "AccountId",
        "CashFlow",
        "Fee",
        "Leverage",
        "Notional",
        "Pnl",
        "PositionSize",
        "Price",
        "Quantity",
        "Volume",
    }
)


def not_an_instance(value: object, expected: str) -> TypeError:
    """Return the error for an argument of another class than ``expected``."""
    found = "'None'" if value is None else f"'{type(value).__name__}' object"
    return TypeError(f"{found} is not an instance of '{expected}'")


def refuse_subclass(kind: type) -> Never:
    """Raise the error for a class statement that derives from a closed class."""
    raise TypeError(f"type '{kind.__module__}.{kind.__name__}' is not an acceptable base type")


def refuse_final_bases(kind: type) -> None:
    """Raise the error of a class statement that derives from a class marked ``@final``."""
    for base in kind.__bases__:
        if base.__dict__.get("__final__"):
            refuse_subclass(base)


def _full_name(value: object) -> str | None:
    """Return how a class calls itself in the messages of operators; None when unknown."""
    kind = value.__class__
    if kind in _BUILT_IN:
        return kind.__name__
    if kind is Decimal:
        return "decimal.Decimal"
    if kind.__module__ == "openpit.param" and kind.__name__ in _PARAM_TYPES:
        return f"openpit.param.{kind.__name__}"
    return None


def refuse_operands(symbol: str, left: object, right: object) -> None:
    """Raise the error of a binary operator between two classes that do not mix.

    Nothing is raised when this package does not know one of them: that class may still take part
    through its own reflected operator.
    """
    left_name = _full_name(left)
    right_name = _full_name(right)
    if left_name is None or right_name is None:
        return
    if symbol == "*" and isinstance(left, _SEQUENCES):
        raise TypeError(f"can't multiply sequence by non-int of type '{right_name}'")
    if symbol == "*" and isinstance(right, _SEQUENCES):
        raise TypeError(f"can't multiply sequence by non-int of type '{left_name}'")
    if symbol == "+" and isinstance(left, _SEQUENCES):
        raise TypeError(f'can only concatenate {left_name} (not "{right_name}") to {left_name}')
    raise TypeError(f"unsupported operand type(s) for {symbol}: '{left_name}' and '{right_name}'")


def refuse_order(symbol: str, left: object, right: object) -> None:
    """Raise the error of an order comparison; nothing is raised as in :func:`refuse_operands`."""
    left_name = _full_name(left)
    right_name = _full_name(right)
    if left_name is None or right_name is None:
        return
    raise TypeError(
        f"'{symbol}' not supported between instances of '{left_name}' and '{right_name}'"
    )
