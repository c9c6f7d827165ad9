"""Numbers of other libraries: whatever converts to an integer or a float."""

from __future__ import annotations

import operator

__all__ = ["as_float", "as_integer", "real_number"]


def as_integer(value: object) -> int | None:
    """Return the integer that a foreign number is, by ``__index__``; None when it is none."""
    try:
        return int(operator.index(value))  # type: ignore[arg-type]  # asked, not assumed
    except TypeError:
        return None


def as_float(value: object) -> float | None:
    """Return the float that a foreign number converts to; None when it converts to none."""
    kind = value.__class__
    if not hasattr(kind, "__float__") and not hasattr(kind, "__index__"):
        return None  # a text would convert, too
    try:
        return float(value)  # type: ignore[arg-type]  # it has one of the two methods
    except (OverflowError, TypeError, ValueError):
        return None


def real_number(value: object) -> float:
    """Return any number as a float; TypeError for what is none."""
    kind = value.__class__
    if not hasattr(kind, "__float__") and not hasattr(kind, "__index__"):
        raise TypeError(f"must be real number, not {kind.__name__}")
    return float(value)  # type: ignore[arg-type]  # it has one of the two methods
