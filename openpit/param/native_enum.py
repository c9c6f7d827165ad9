"""Closed sets of named numbers that are not Python enums.

The reference's native enumerations have named members, compare equal to themselves and to their
number, convert with ``int()`` and cannot be hashed, iterated, built or subclassed. A subclass of
:class:`NativeEnum` declares its members as class annotations and is filled by
:func:`define_members`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Never, TypeVar

from openpit.param.refusals import refuse_final_bases

__all__ = ["NativeEnum", "define_members", "member_label", "member_name"]

_Member = TypeVar("_Member", bound="NativeEnum")


class NativeEnum:
    """A member of a native-like enumeration: a name and a number."""

    __slots__ = ("_label", "_name", "_number")

    _label: str
    _name: str
    _number: int

    __hash__: ClassVar[None]  # type: ignore[assignment]  # unhashable, as in the reference

    def __init__(self, *_args: Never, **_keywords: Never) -> None:
        """Refuse: the members are all there is."""
        kind = self.__class__
        raise TypeError(f"cannot create '{kind.__module__}.{kind.__name__}' instances")

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    def __eq__(self, other: object) -> bool:
        if self.__class__ is other.__class__:
            return self is other
        if isinstance(other, int):
            return self._number == other
        return NotImplemented

    def __int__(self) -> int:
        return self._number

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.{self._name}"

    def __copy__(self: _Member) -> _Member:
        return self

    def __deepcopy__(self: _Member, _memo: dict[int, Any]) -> _Member:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel by name, so that a copy in another process is that process's member."""
        return getattr, (self.__class__, self._name)


def define_members(kind: type[_Member], numbers: dict[str, int]) -> None:
    """Create the members of ``kind``; its name in CamelCase becomes a member's ``_label``."""
    for name, number in numbers.items():
        member = object.__new__(kind)
        member._name = name
        member._number = number
        member._label = "".join(word.capitalize() for word in name.split("_"))
        setattr(kind, name, member)


def member_name(member: NativeEnum) -> str:
    """Return the name under which a member stands in its class."""
    return member._name


def member_label(member: NativeEnum) -> str:
    """Return a member's name as texts show it, in CamelCase."""
    return member._label
