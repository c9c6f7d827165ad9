"""What a group holds when a subclass has not called its constructor."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["AbsentFields", "EarlyFields"]


class AbsentFields:
    """Base of groups whose fields are then absent, as far as they are not on the hot path.

    ``_ABSENT`` maps each slot to what it counts as while nothing has been stored in it. Groups on
    the hot path do without this base: a class with ``__getattr__`` reads every attribute slower.
    """

    __slots__ = ()

    _ABSENT: ClassVar[Mapping[str, object]]

    if not TYPE_CHECKING:  # pragma: no branch  # to a type checker it stays an error

        def __getattr__(self, name: str) -> object:
            absent = self._ABSENT
            if name in absent:
                return absent[name]
            kind = self.__class__.__name__
            raise AttributeError(f"'{kind}' object has no attribute '{name}'", name=name, obj=self)


class EarlyFields:
    """Base of groups whose fields are taken from the arguments even then.

    A subclass with a constructor of its own gets a ``__new__`` that fills the fields first, if the
    arguments are the group's own; otherwise that constructor has to call the group's.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        group = next(base for base in cls.__mro__ if EarlyFields in base.__bases__)
        if cls.__init__ is not group.__init__ and "__new__" not in cls.__dict__:  # type: ignore[misc]  # compared, not called
            # An assignment would be a method of this class to type checkers.
            type.__setattr__(cls, "__new__", _fill_early(group))


def _fill_early(group: type) -> Callable[..., object]:
    """Return a ``__new__`` that calls the constructor of ``group``."""

    def __new__(cls: type, *args: object, **keywords: object) -> object:  # noqa: N807 - it is one
        self: object = object.__new__(cls)
        with suppress(TypeError):
            group.__init__(self, *args, **keywords)  # type: ignore[misc]  # of the right class
        return self

    return __new__
