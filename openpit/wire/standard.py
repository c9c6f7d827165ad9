"""Values of the standard library's classes, as the arguments that make them again.

Dates and times, identifiers, paths, and containers beside lists, tuples and dictionaries. A class
that derives from one of these is another class, and is not here. A time zone is read by its name
from the system's tables, or from those of the package ``tzdata``: nothing else is looked into.

Few programs have such values of fractions, paths or zones, and the three modules take a tenth of
what importing the package takes otherwise: they are imported with the first value of theirs.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Standard", "arguments_of", "made_exactly", "name_in_table", "standard"]


class Standard(NamedTuple):
    """A class, how arguments are read from a value, and how a value is made of them.

    ``takes`` are the classes of each argument; what is made of others may be endless.
    """

    kind: type
    takes: tuple[tuple[type, ...], ...]
    read: Callable[[Any], tuple[Any, ...]]
    make: Callable[..., Any]


def _time(*fields: Any) -> dt.time:
    return dt.time(*fields[:5], fold=fields[5])


def _datetime(*fields: Any) -> dt.datetime:
    return dt.datetime(*fields[:8], fold=fields[8])  # noqa: DTZ001 - it has its own


def _timezone(offset: dt.timedelta, name: str | None) -> dt.timezone:
    return dt.timezone(offset) if name is None else dt.timezone(offset, name)


_NONE: Final = type(None)
_ANY: Final = (object,)
_LIST: Final = (list,)
_INT: Final = (int,)
_FLOAT: Final = (float,)
_TEXT: Final = (str,)
_ZONE: Final = (_NONE, dt.timezone)
"""And ``ZoneInfo``, which is not imported for this."""

_TABLE: Final = (
    Standard(set, (_LIST,), lambda one: (list(one),), set),
    Standard(frozenset, (_LIST,), lambda one: (list(one),), frozenset),
    Standard(OrderedDict, (_LIST,), lambda one: (list(one.items()),), OrderedDict),
    Standard(Counter, ((dict,),), lambda one: (dict(one),), Counter),
    Standard(deque, (_LIST, (int, _NONE)), lambda one: (list(one), one.maxlen), deque),
    Standard(bytearray, ((bytes,),), lambda one: (bytes(one),), bytearray),
    Standard(complex, (_FLOAT, _FLOAT), lambda one: (one.real, one.imag), complex),
    Standard(range, (_INT,) * 3, lambda one: (one.start, one.stop, one.step), range),
    Standard(slice, (_ANY,) * 3, lambda one: (one.start, one.stop, one.step), slice),
    Standard(UUID, (_TEXT,), lambda one: (one.hex,), UUID),
    Standard(dt.date, (_INT,) * 3, lambda one: (one.year, one.month, one.day), dt.date),
    Standard(
        dt.time,
        (*[_INT] * 4, _ZONE, _INT),
        lambda one: (one.hour, one.minute, one.second, one.microsecond, one.tzinfo, one.fold),
        _time,
    ),
    Standard(
        dt.datetime,
        (*[_INT] * 7, _ZONE, _INT),
        lambda one: (
            *(one.year, one.month, one.day, one.hour, one.minute, one.second),
            *(one.microsecond, one.tzinfo, one.fold),
        ),
        _datetime,
    ),
    Standard(
        dt.timezone,
        ((dt.timedelta,), (str, _NONE)),
        lambda one: (*one.__getinitargs__(), None)[:2],
        _timezone,
    ),
)


def _fractions() -> list[Standard]:
    from fractions import Fraction  # noqa: PLC0415 - see above

    return [Standard(Fraction, (_INT,) * 2, lambda one: (one.numerator, one.denominator), Fraction)]


def _paths() -> list[Standard]:
    import pathlib  # noqa: PLC0415 - see above

    kinds = (type(pathlib.Path()), pathlib.PurePosixPath, pathlib.PureWindowsPath)
    return [Standard(kind, (_TEXT,), lambda one: (str(one),), kind) for kind in kinds]


def _zones() -> list[Standard]:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - see above

    return [Standard(ZoneInfo, (_TEXT,), lambda one: (one.key,), ZoneInfo)]


_LATE: Final[dict[str, tuple[tuple[str, ...], Callable[[], list[Standard]]]]] = {
    "fractions": (("Fraction",), _fractions),
    "pathlib": (("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"), _paths),
    "zoneinfo": (("ZoneInfo",), _zones),
}
"""By module: the names of its classes here, and the classes."""

_by_name: Final = {row.kind.__name__: row for row in _TABLE}
_names: Final = {row.kind: name for name, row in _by_name.items()}

_IN_ANY_ORDER: Final = (set, frozenset)


def name_in_table(kind: type) -> str | None:
    """Return the name of a class that is in the table; None for any other."""
    name = _names.get(kind)
    if name is None:
        late = _LATE.get(str(kind.__module__).partition(".")[0])
        if late is not None:
            _add(late[1]())
            return _names.get(kind)
    return name


def standard(name: str) -> Standard:
    """Return the row of a name in the table.

    Raises:
        KeyError: there is none.
    """
    if name not in _by_name:
        for names, rows in _LATE.values():
            if name in names:
                _add(rows())
    return _by_name[name]


def _add(rows: list[Standard]) -> None:
    for row in rows:
        _by_name[row.kind.__name__] = row
        _names[row.kind] = row.kind.__name__


def arguments_of(value: object) -> tuple[Any, ...]:
    """Return what a value of one of these classes is made of.

    Raises:
        TypeError: it cannot be made again: a time zone that was read from a file, for one.
    """
    _, takes, read, _ = standard(name_in_table(type(value)) or "")
    arguments = read(value)
    if not _fits(takes, arguments):
        raise TypeError(f"{value!r:.100} cannot travel to a shard")
    return arguments


def made_exactly(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return the value that these arguments, and no others, are read from.

    Raises:
        ValueError: they are those of another value, or of none.
        Exception: whatever making it of them raised.
    """
    kind, takes, read, make = standard(name)
    if not _fits(takes, arguments):
        raise ValueError(f"a {name} is not made of {arguments!r:.100}")
    made = make(*arguments)
    again = read(made)
    if kind in _IN_ANY_ORDER:
        is_same = len(again[0]) == len(arguments[0])
    else:
        # What is no number is not equal to itself; of two parts, there is nothing to be changed.
        is_same = kind is complex or again == arguments
    if not is_same:
        raise ValueError(f"{arguments!r:.100} are not those of a {name}")
    return made


def _fits(takes: tuple[tuple[type, ...], ...], arguments: tuple[Any, ...]) -> bool:
    return len(takes) == len(arguments) and all(
        kinds is _ANY or type(argument) in kinds or (kinds is _ZONE and _is_zone(argument))
        for kinds, argument in zip(takes, arguments, strict=True)
    )


def _is_zone(value: object) -> bool:
    return name_in_table(type(value)) == "ZoneInfo"
