"""Filling objects whose class guards its attributes, as a frozen dataclass does.

A program may derive such a class from an order or from any of its groups. Their constructors store
as usual, since that is fastest, and turn to this module when the class refuses.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["fill_guarded", "fill_like", "store"]

store: Final = object.__setattr__


def fill_like(target: object, made: object) -> None:
    """Store in ``target`` what ``made`` holds, which is an object of its base class."""
    for name in type(made).__slots__:  # type: ignore[attr-defined]  # all of them have slots
        if not name.startswith("__"):
            store(target, name, getattr(made, name))


def fill_guarded(target: object, base: type, **arguments: Any) -> None:
    """Store in ``target`` what the constructor of ``base`` makes of these arguments."""
    try:
        made = base(**arguments)
    except Exception as error:
        # Not "during handling of": what the class refused before is nobody's mistake.
        raise error from None
    fill_like(target, made)
