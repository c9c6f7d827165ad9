"""Any value of the package as msgpack arrays, for what is not on the hot path.

None, booleans, 64-bit numbers, floats, texts and bytes stand for themselves. Everything else is an
array whose first element is a tag::

    [LIST, item, ...]   [TUPLE, item, ...]   [MAP, key, value, ...]
    [DECIMAL, text]     [BIG_NUMBER, hexadecimal text]   [MEMBER, class, name]
    [RECORD, class, field, ...]
    [OBJECT, class, module, name, {attribute: value}, field, ...]
    [VALUE, module, name, part, ...]   [STANDARD, name, argument, ...]

Classes are numbered by the table in :mod:`openpit.wire.class_table`. An object is a record of a
class that users subclass and decorate with attributes of their own: it names that subclass, which
the other side has under the same name (:mod:`openpit.wire.classes`). A value is what hangs on
such an object and is of a user's own class: what its parts are says :mod:`openpit.wire.shapes`.
The classes of the standard library that may hang there are in :mod:`openpit.wire.standard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from operator import index
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeAlias

from openpit.errors import WireError
from openpit.param.decimals import NARROW
from openpit.param.native_enum import NativeEnum, member_name
from openpit.wire.class_table import BASES, MEMBERS, RECORDS, Record, is_of_base
from openpit.wire.classes import (
    find_value,
    name_of,
    refuse_stranger,
    refuse_unshared,
    resolve,
)
from openpit.wire.limits import NESTING
from openpit.wire.shapes import shape_of, slots_of
from openpit.wire.standard import arguments_of, made_exactly, name_in_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import MemberDescriptorType

    from openpit.wire.classes import Name

__all__ = ["Packable", "decode", "encode", "named_classes"]

Packable: TypeAlias = "bool | int | float | str | bytes | tuple[Packable, ...] | None"

LIST: Final = 0
TUPLE: Final = 1
MAP: Final = 2
DECIMAL: Final = 3
BIG_NUMBER: Final = 4
MEMBER: Final = 5
RECORD: Final = 6
OBJECT: Final = 7
VALUE: Final = 8
STANDARD: Final = 9

_text_of: Final = NARROW.to_sci_string

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1

_MAY_TRAVEL: Final = "of classes of your own, enumerations, data classes and named tuples can"

_PLAIN: Final = frozenset({type(None), bool, float, bytes})
_NUMBER_OF: Final = {record.cls: number for number, record in RECORDS.items()}
_MEMBER_OF: Final = {kind: number for number, kind in MEMBERS.items()}


def encode(value: object, *, bare: bool = False) -> Packable:
    """Return ``value`` as what msgpack carries.

    ``bare`` leaves out what users add, their subclasses and attributes: built-in policies see none.

    Raises:
        TypeError: it, or something in it, is of a class that cannot travel. For an attribute of a
            user's object the text names the attribute.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[return-value]  # one of the plain classes
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, bare)
    number = _NUMBER_OF.get(kind)
    if number is not None:
        if not bare and kind in BASES and vars(value):
            return _object(number, value)
        return _record((RECORD, number), number, value, bare)
    number = _MEMBER_OF.get(kind)
    if number is not None:
        return (MEMBER, number, _member_name(value))
    if bare:
        return _bare(value)
    for base, number in BASES.items():
        if isinstance(value, base):
            return _object(number, value)
    name = name_in_table(kind)
    if name is not None:
        return (STANDARD, name, *map(encode, arguments_of(value)))
    shape = shape_of(kind)
    if shape is None:
        raise _stays_here(value)
    refuse_unshared(kind)
    return (VALUE, *name_of(kind), *map(encode, shape.read(value)))


def _bare(value: object) -> Packable:
    """Encode a value of a user's class as what it was made from."""
    for number, record in RECORDS.items():
        if isinstance(value, record.cls):
            return _record((RECORD, number), number, value, True)
    if isinstance(value, str):
        return _text(str.__str__(value), True)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        return _decimal(Decimal(value), True)
    if isinstance(value, SupportsIndex):
        return _number(index(value), True)
    if isinstance(value, Sequence):
        return _list(list(value), True)
    raise _stays_here(value)


def _stays_here(value: object) -> TypeError:
    kind = type(value)
    hint = "" if kind.__module__ == "builtins" else f": {_MAY_TRAVEL}"
    return TypeError(f"{kind.__module__}.{kind.__qualname__} cannot travel to a shard{hint}")


def _number(value: int, _bare: bool) -> Packable:  # noqa: FBT001 - one shape for all encoders
    # Hexadecimal: Python limits the digits of decimal texts.
    return value if _SMALLEST <= value <= _LARGEST else (BIG_NUMBER, f"{value:x}")


def _text(value: str, _bare: bool) -> Packable:  # noqa: FBT001 - as above
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("a text without a UTF-8 form cannot travel to a shard") from None
    return value


def _decimal(value: Decimal, _bare: bool) -> Packable:  # noqa: FBT001 - as above
    return (DECIMAL, str(value))


def _list(value: list[object], bare: bool) -> Packable:  # noqa: FBT001 - as above
    return (LIST, *[encode(item, bare=bare) for item in value])


def _tuple(value: tuple[object, ...], bare: bool) -> Packable:  # noqa: FBT001 - as above
    return (TUPLE, *[encode(item, bare=bare) for item in value])


def _map(value: dict[object, object], bare: bool) -> Packable:  # noqa: FBT001 - as above
    return (MAP, *[encode(part, bare=bare) for item in value.items() for part in item])


_ENCODERS: Final[dict[type, Callable[..., Packable]]] = {
    int: _number,
    str: _text,
    Decimal: _decimal,
    list: _list,
    tuple: _tuple,
    dict: _map,
}


def _member_name(member: object) -> str:
    if isinstance(member, NativeEnum):
        return member_name(member)
    return member.name  # type: ignore[attr-defined, no-any-return]  # the other kind has it


def _record(
    head: tuple[Packable, ...],
    number: int,
    value: object,
    bare: bool,  # noqa: FBT001 - as above
) -> Packable:
    return (*head, *[encode(part, bare=bare) for part in RECORDS[number].read(value)])


def _object(number: int, value: object) -> Packable:
    kind = type(value)
    refuse_stranger(kind)
    named: list[Packable] = []
    for name, attribute in _attributes(value, RECORDS[number].cls).items():
        try:
            named += (name, encode(attribute))
        except TypeError as error:
            raise TypeError(f"attribute {name!r} of {kind.__qualname__}: {error}") from None
        except RecursionError:
            raise TypeError(
                f"attribute {name!r} of {kind.__qualname__} contains itself, or is nested too deep"
            ) from None
        if not _is_shallow(named[-1]):
            raise TypeError(f"attribute {name!r} of {kind.__qualname__} is nested too deep")
    head = (OBJECT, number, *name_of(kind), tuple(named))
    return _record(head, number, value, False)


def _is_shallow(packed: Packable) -> bool:
    """Tell whether arrays are nested less deep than the other side reads them."""
    level = [packed]
    for _ in range(NESTING // 2):
        level = [part for one in level if type(one) is tuple for part in one]
        if not level:
            return True
    return False


def named_classes(packed: Packable) -> Iterator[Name]:
    """Return the names of users' classes that an encoded value has objects of."""
    if type(packed) is not tuple or not packed:
        return
    tag = packed[0]
    if type(tag) is int and tag in (OBJECT, VALUE):
        first = 2 if tag == OBJECT else 1
        yield packed[first : first + 2]  # type: ignore[misc]  # texts: see this module's docstring
    for part in packed:
        yield from named_classes(part)


def _attributes(value: object, base: type) -> dict[str, object]:
    """Return what a user's object holds beyond its base class: its dictionary and own slots."""
    found = {
        name: held for name, held in vars(value).items() if not is_of_base(type(value), base, name)
    }
    for name, slot in _own_slots(type(value), base):  # type: ignore[arg-type]  # mypy: no class is hashable
        with suppress(AttributeError):  # an empty one
            found[name] = slot.__get__(value)
    return found


@lru_cache(maxsize=1024)
def _own_slots(kind: type, base: type) -> list[tuple[str, MemberDescriptorType]]:
    return [
        (name, slot) for name, slot in slots_of(kind).items() if not is_of_base(kind, base, name)
    ]


# --- the way back ------------------------------------------------------------------------------


def decode(packed: Any, depth: int = 0) -> Any:
    """Return what :func:`encode` was given.

    Raises:
        WireError: no value of this protocol, or of a class that this process does not know.
    """
    kind = type(packed)
    if kind is not tuple:
        if kind in _PLAIN or kind is int or kind is str:
            return packed
        raise WireError(f"not a value: {packed!r:.100}")
    try:
        tag = packed[0]
        if type(tag) is not int or depth > NESTING:
            raise WireError(f"not a value, or nested too deep: {packed!r:.100}")
        return _DECODERS[tag](packed, depth + 1)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise WireError(f"not a value: {error!r:.200}") from error


def _decode_list(packed: tuple[Any, ...], depth: int) -> list[object]:
    return [decode(part, depth) for part in packed[1:]]


def _decode_tuple(packed: tuple[Any, ...], depth: int) -> tuple[object, ...]:
    return tuple([decode(part, depth) for part in packed[1:]])


def _decode_map(packed: tuple[Any, ...], depth: int) -> dict[object, object]:
    parts = [decode(part, depth) for part in packed[1:]]
    try:
        made = dict(zip(parts[::2], parts[1::2], strict=True))
    except Exception as error:  # keys of users' classes have a hash of their own
        raise WireError(f"not a map: {error!r:.200}") from error
    if 2 * len(made) != len(parts):
        raise WireError(f"a map with a key twice: {packed!r:.100}")
    return made


def _decode_decimal(packed: tuple[Any, ...], _depth: int) -> Decimal:
    _, text = packed
    value = Decimal(text) if type(text) is str else None
    # Its text and no other: blanks, underscores and digits of other scripts are none of ours.
    if value is None or _text_of(value) not in {text, text.upper(), text.replace("e", "E")}:
        raise WireError(f"not a decimal: {text!r:.100}")
    return value


def _decode_big_number(packed: tuple[Any, ...], _depth: int) -> int:
    _, text = packed
    value = int(text, 16)
    if f"{value:x}" != text or _SMALLEST <= value <= _LARGEST:
        raise WireError(f"not a number over 64 bits: {text!r:.100}")
    return value


def _decode_member(packed: tuple[Any, ...], _depth: int) -> object:
    _, number, name = packed
    kind = MEMBERS[_exact(number)]
    member = getattr(kind, name)
    if type(member) is not kind:
        raise WireError(f"{kind.__qualname__} has no member {name!r:.100}")
    return member


def _decode_record(packed: tuple[Any, ...], depth: int) -> object:
    record: Record = RECORDS[_exact(packed[1])]
    return record.make(record.cls, [decode(part, depth) for part in packed[2:]])


def _decode_object(packed: tuple[Any, ...], depth: int) -> object:
    _, number, module, name, named, *parts = packed
    record: Record = RECORDS[_exact(number)]
    if record.cls not in BASES:
        raise WireError(f"nobody derives from {record.cls.__qualname__}")
    if type(module) is not str or type(name) is not str or type(named) is not tuple:
        raise WireError(f"not an object: {packed!r:.100}")
    kind = resolve(module, name)
    if not issubclass(kind, record.cls):
        raise WireError(f"{module}.{name} is no {record.cls.__qualname__}")
    value = record.make(kind, [decode(part, depth) for part in parts])
    attributes = iter(named)
    for attribute in attributes:
        # A check reads the slots of the base class: no attribute may take their place.
        if type(attribute) is not str or is_of_base(kind, record.cls, attribute):
            raise WireError(f"{module}.{name} has no attribute {attribute!r:.100} of its own")
        object.__setattr__(value, attribute, decode(next(attributes, _MISSING), depth))
    return value


def _decode_value(packed: tuple[Any, ...], depth: int) -> object:
    _, module, name, *parts = packed
    shape = shape_of(find_value(module, name))
    if shape is None:  # as nothing that was offered has: not to be read as None
        raise WireError(f"{module}.{name} is no class of values here")
    return shape.make([decode(part, depth) for part in parts])


def _decode_standard(packed: tuple[Any, ...], depth: int) -> object:
    _, name, *parts = packed
    arguments = tuple([decode(part, depth) for part in parts])
    try:
        return made_exactly(name, arguments)
    except Exception as error:  # elements of users' classes have a hash of their own
        raise WireError(f"not a value: {error!r:.200}") from error


_MISSING: Final = object()


def _exact(number: object) -> int:
    """Return the number of a class; TypeError for what only equals one, as True does."""
    if type(number) is not int:
        raise TypeError(f"{number!r:.100} is no number")
    return number


_DECODERS: Final[dict[int, Callable[[tuple[Any, ...], int], object]]] = {
    LIST: _decode_list,
    TUPLE: _decode_tuple,
    MAP: _decode_map,
    DECIMAL: _decode_decimal,
    BIG_NUMBER: _decode_big_number,
    MEMBER: _decode_member,
    RECORD: _decode_record,
    OBJECT: _decode_object,
    VALUE: _decode_value,
    STANDARD: _decode_standard,
}
