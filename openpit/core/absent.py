"""What a group shows when a subclass has not called its constructor: every field absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AbsentFields"]


class AbsentFields:
    """Base of the groups that are not on the hot path (spec section 3).

    ``_ABSENT`` maps each slot to what it counts as while nothing has been stored in it. Groups on
    the hot path do without this base: a class with ``__getattr__`` reads every attribute slower.
    """

    __slots__ = ()

    _ABSENT: ClassVar[Mapping[str, object]]

    if not TYPE_CHECKING:  # for a type checker, an unknown attribute stays an error

        def __getattr__(self, name: str) -> object:
            absent = self._ABSENT
            if name in absent:
                return absent[name]
            kind = self.__class__.__name__
            raise AttributeError(f"'{kind}' object has no attribute '{name}'", name=name, obj=self)
