"""What class an object is of, whatever it claims to be.

A mock made with ``spec=`` and a proxy answer for another class when they are asked for their
``__class__``, and ``isinstance`` believes them. An order's figures are never taken from such.
"""

from __future__ import annotations

from typing import TypeGuard, TypeVar

__all__ = ["is_of"]

_Kind = TypeVar("_Kind")


def is_of(value: object, kind: type[_Kind]) -> TypeGuard[_Kind]:
    """Tell whether a value really is of a class or of one that derives from it."""
    return issubclass(type(value), kind)
