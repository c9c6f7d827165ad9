"""What a value of a user's own class consists of, and how it is made of that again.

Members of enumerations, data classes (those of ``attrs``, too) and named tuples are their parts and
no more: a member its name, the others their fields. They are made without their constructors, so
that they arrive as they left, and none of their code runs.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from enum import Enum, Flag
from functools import cached_property, lru_cache
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["Shape", "fields_of", "has_shape", "shape_of", "shaped", "slots_of"]

_IS_MADE_BY_CLASS_STATEMENT: Final = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: the interpreter's own classes keep things that no slot tells of."""


_OWN: Final = type.__dict__["__dict__"].__get__
_LINE: Final = type.__dict__["__mro__"].__get__
"""What a class itself defines, and what it derives from, whatever its own class makes of that."""


class Shape(NamedTuple):
    """How the parts of a value are read, and how a value is made of them.

    ``read`` raises TypeError for what has more or less than its parts, ``make`` ValueError or
    LookupError for parts that no value has.
    """

    read: Callable[[Any], Sequence[object]]
    make: Callable[[Sequence[Any]], object]


def slots_of(kind: type) -> dict[str, MemberDescriptorType]:
    """Return the slots of a class and of its bases, but for the interpreter's own, by their names.

    A private slot has the name of its class in its own.
    """
    return {
        name: member
        for base in reversed(kind.__mro__)
        if _is_made_by_statement(base)
        for name, member in vars(base).items()
        if type(member) is MemberDescriptorType
    }


def _is_made_by_statement(kind: Any) -> bool:
    return kind is Generic or bool(kind.__flags__ & _IS_MADE_BY_CLASS_STATEMENT)


def fields_of(kind: type) -> list[str] | None:
    """Return the names of the fields of a data class, or of one of ``attrs``; None for others.

    None, too, for a class with a finaliser: an object that nobody made would be finalised.
    """
    if hasattr(kind, "__del__"):
        return None
    for base in kind.__mro__:
        if "__attrs_attrs__" in vars(base):
            return [field.name for field in vars(base)["__attrs_attrs__"]]
        if "__dataclass_fields__" in vars(base):
            return [field.name for field in dataclasses.fields(kind)]
    return None


def has_shape(kind: type) -> bool:
    """Tell whether a class has a shape."""
    if issubclass(kind, Enum):
        return True
    # A class that derives from another of the interpreter's own has more than its fields.
    if issubclass(kind, tuple):
        return _is_named(getattr(kind, "_fields", None)) and _own_bases(kind) == [tuple, object]
    return fields_of(kind) is not None and _own_bases(kind) == [object]


def shaped(kinds: Collection[type]) -> list[type]:
    """Return those of all loaded classes that have a shape.

    Few of thousands derive from what could give them one, and only those are looked at closely.
    """
    roots = {Enum, tuple}
    roots.update(
        kind
        for kind in kinds
        if "__dataclass_fields__" in (own := _OWN(kind)) or "__attrs_attrs__" in own
    )
    found = []
    for kind in [kind for kind in kinds if not roots.isdisjoint(_LINE(kind))]:
        with suppress(Exception):  # classes of other libraries, and their classes' own code
            if has_shape(kind):
                found.append(kind)
    return found


def _shape_of(kind: type) -> Shape | None:
    if not has_shape(kind):
        return None
    if issubclass(kind, Enum):
        return Shape(_read_member, lambda parts: _make_member(kind, *parts))
    if issubclass(kind, tuple):
        return Shape(_read_named, lambda parts: _make_named(kind, parts))
    fields, slots = fields_of(kind) or [], slots_of(kind)
    return Shape(
        lambda value: _read_fields(value, fields, slots),
        lambda parts: _make_of_fields(kind, fields, slots, parts),
    )


shape_of: Final[Callable[[type], Shape | None]] = lru_cache(maxsize=1024)(_shape_of)
"""Returns the shape of a class; None if its objects may be more than parts by name."""


def _own_bases(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if not _is_made_by_statement(base)]


def _is_named(fields: object) -> bool:
    return type(fields) is tuple and all(type(name) is str for name in fields)


# --- members of enumerations -------------------------------------------------------------------


def _read_member(member: Any) -> Sequence[object]:
    kind = type(member)
    name, value = member._name_, member._value_
    if kind._member_map_.get(name) is member:
        return (name,)
    # What is several flags, or none, has no name of its own; and is the same object each time.
    if isinstance(member, Flag) and kind._value2member_map_.get(value) is member:
        return (value,)
    raise TypeError(f"{name!r:.100} is no member of {kind.__qualname__}")


def _make_member(kind: Any, key: object) -> object:
    if type(key) is str:
        member = kind._member_map_[key]
        if member._name_ != key:
            raise ValueError(f"{kind.__qualname__}.{key} is another name of {member._name_}")
        return member
    if type(key) is not int or not issubclass(kind, Flag):
        raise ValueError(f"{kind.__qualname__} has no member {key!r:.100}")
    # The class of all flags makes it, whatever a user's has to say about what it misses.
    member = kind._value2member_map_.get(key)
    if member is None:
        member = Flag._missing_.__func__(kind, key)  # type: ignore[attr-defined]  # a class method
    if type(member) is not kind or member._value_ != key or member._name_ in kind._member_map_:
        raise ValueError(f"{kind.__qualname__} has no flags {key!r:.100}")
    return member


# --- named tuples ------------------------------------------------------------------------------


def _read_named(value: Any) -> Sequence[object]:
    kind = type(value)
    if len(kind._fields) != tuple.__len__(value):
        raise TypeError(f"{kind.__qualname__} has {len(kind._fields)} fields")
    for name in getattr(value, "__dict__", ()):
        raise _no_field(name, kind)
    return list(tuple.__iter__(value))


def _make_named(kind: Any, parts: Sequence[Any]) -> object:
    if len(parts) != len(kind._fields):
        raise ValueError(f"{kind.__qualname__} has {len(kind._fields)} fields, not {len(parts)}")
    return tuple.__new__(kind, parts)


# --- data classes ------------------------------------------------------------------------------


def _read_fields(
    value: Any, fields: list[str], slots: dict[str, MemberDescriptorType]
) -> Sequence[object]:
    kind = type(value)
    held = dict(_dictionary(value) or ())
    for name, slot in slots.items():
        try:
            held[name] = slot.__get__(value)
        except AttributeError:
            continue
    if len(held) != len(fields) or not all(name in held for name in fields):
        for name in held.keys() - fields:
            # What has been computed and kept is computed again.
            if not any(isinstance(vars(base).get(name), cached_property) for base in kind.__mro__):
                raise _no_field(name, kind)
        for name in fields:
            if name not in held:
                raise TypeError(f"field {name!r} of {kind.__qualname__} is not set")
    return [held[name] for name in fields]


def _make_of_fields(
    kind: type, fields: list[str], slots: dict[str, MemberDescriptorType], parts: Sequence[Any]
) -> object:
    if len(parts) != len(fields):
        raise ValueError(f"{kind.__qualname__} has {len(fields)} fields, not {len(parts)}")
    made: object = object.__new__(kind)
    held = _dictionary(made)
    for name, part in zip(fields, parts, strict=True):
        if name in slots:
            slots[name].__set__(made, part)
        elif held is None:
            raise ValueError(f"{kind.__qualname__} has no place for {name}")
        else:
            held[name] = part
    return made


def _dictionary(value: object) -> dict[str, Any] | None:
    """Return an object's own dictionary, whatever its class makes of attributes; None for none."""
    try:
        held: dict[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return held


def _no_field(name: object, kind: type) -> TypeError:
    return TypeError(f"attribute {name!r:.100} of {kind.__qualname__} is no field of it")
