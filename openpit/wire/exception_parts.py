"""What an exception carries on its way from a shard to the caller: packed there, unpacked here.

An exception is made again without its constructor: no code of its class runs, only its parts are
put in their places. A value that cannot travel is replaced by a
:class:`~openpit.errors.LeftBehind` and named. Nothing is imported for a class but the modules of
``IMPORTABLE``, and no value is made that has a finaliser: containers, records and exceptions only.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sized
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import ShardCallbackError, WireError, new_left_behind
from openpit.wire.classes import resolve
from openpit.wire.shapes import fields_of, shape_of, slots_of
from openpit.wire.standard import name_in_table, standard
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IMPORTABLE", "Packing", "Unpacking", "described", "in_utf_8", "set_part"]

_STANDARD: Final = """
    asyncio.exceptions binascii calendar concurrent.futures concurrent.futures._base configparser
    csv _csv ctypes dbm decimal email.errors fractions ftplib http.client imaplib ipaddress
    json.decoder locale lzma netrc pickle _pickle poplib queue _queue re re._constants sre_constants
    select shutil smtplib socket sqlite3 ssl statistics struct subprocess tarfile tomllib
    tomllib._parser urllib.error uuid wave xml.etree.ElementTree xml.parsers.expat xmlrpc.client
    zipfile zipimport zlib zoneinfo zoneinfo._common
"""

IMPORTABLE: Final = frozenset(_STANDARD.split())
"""Modules of the standard library that define exceptions, and whose import does nothing else.

A policy may import one as it raises, in its worker only.
"""

ROOM: Final = 256 * 1024
"""Characters and bytes that the values of one exception may have together."""

_ITEM: Final = 8
"""What any value counts for, beside its characters."""

_DEPTH: Final = 32
"""How deep values may be nested; one that contains itself ends there, too."""

_REPR: Final = 200
"""Characters of the text of a value that stays behind."""

_LISTED: Final = 8
"""How many of the values that stayed behind are named."""

_UNREADABLE: Final = "<no text: its __str__ raised>"

_NATIVE: Final = frozenset(
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)

# Interpreter's own: ``obj`` of AttributeError is whatever the attribute was looked up on.
_NO_STATE: Final = frozenset({"args", "obj", "message", "exceptions"})

_PAIR: Final = frozenset({"errno", "strerror"})

_PLAIN: Final = (bool, int, float, bytes, str)

_MANY: Final[dict[type, str]] = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_MANY_BY_NAME: Final = {name: kind for kind, name in _MANY.items()}

Node = tuple[Any, ...]


def in_utf_8(text: str) -> str:
    """Return a text that has a UTF-8 form: a file's name, for one, need not have any."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def described(error: BaseException) -> str:
    """Return an exception's text, whatever its class does."""
    try:
        return in_utf_8(str(error))
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise anything; the failure still goes
        return _UNREADABLE


def _dictionary(error: BaseException) -> dict[str, Any]:
    """Return an exception's own dictionary, whatever its class makes of attributes."""
    held: dict[str, Any] = object.__getattribute__(error, "__dict__")
    return held


def set_part(error: BaseException, name: str, value: object) -> None:
    """Set what every exception has, whatever its class makes of attributes."""
    vars(BaseException)[name].__set__(error, value)


def _name(kind: type) -> tuple[str, str]:
    return in_utf_8(str(kind.__module__)), in_utf_8(str(kind.__qualname__))


def _native(kind: type) -> type:
    """Return the built-in exception whose layout a class of exceptions has."""
    while kind not in _NATIVE:
        kind = kind.__base__  # type: ignore[assignment]  # ends at BaseException at the latest
    return kind


def _members(native: type) -> dict[str, Any]:
    """Return the descriptors of what a built-in exception keeps outside its dictionary."""
    return {
        name: member
        for kind in reversed(native.__mro__[:-1])
        for name, member in vars(kind).items()
        if hasattr(member, "__set__") and not name.startswith("_") and name not in _NO_STATE
    }


# --- there -------------------------------------------------------------------------------------


class Packing:
    """Makes plain values of one exception; ``left`` names what stays behind."""

    __slots__ = ("_errors", "_open", "_room", "left")

    def __init__(self, room: int = ROOM) -> None:
        self.left: list[str] = []
        self._room = room
        self._open: list[int] = []  # what is being packed just now, from the outside in
        self._errors: list[BaseException] = []  # the exceptions among that

    def exception(self, error: BaseException, path: str = "") -> Node:
        """Return an exception as a node."""
        self._errors.append(error)
        try:
            return self._exception(error, path)
        finally:
            self._errors.pop()

    def _exception(self, error: BaseException, path: str) -> Node:
        kind = type(error)
        bases = [_name(base) for base in kind.__mro__[1:] if issubclass(base, Exception)]
        group: Node | None = None
        if isinstance(error, BaseExceptionGroup):
            parts = [
                self._nested(self.exception, each, f"{path}exceptions[{place}].")
                for place, each in enumerate(error.exceptions)
            ]
            group = (in_utf_8(error.message), type(error.args[1]) is list, tuple(parts))
        arguments = None if group else self._value(error.args, f"{path}args")
        state = [
            (name, self._value(value, path + name))
            for name, value in [
                *self._held(error),
                *object.__getattribute__(error, "__dict__").items(),
            ]
            if type(name) is str
        ]
        return (*_name(kind), tuple(bases), described(error), arguments, group, tuple(state))

    def _held(self, error: BaseException) -> list[tuple[str, Any]]:
        """Return what an exception keeps outside its dictionary."""
        found: list[tuple[str, Any]] = []
        for name, member in _members(_native(type(error))).items():
            with suppress(Exception):
                found.append((name, member.__get__(error)))
        for name, slot in slots_of(type(error)).items():
            with suppress(AttributeError):
                found.append((name, slot.__get__(error)))
        # What is not set reads as None. An OSError that has either of these has both.
        is_pair = any(name in _PAIR and value is not None for name, value in found)
        return [
            (name, value)
            for name, value in found
            if value is not None or (is_pair and name in _PAIR)
        ]

    def _nested(self, pack: Callable[[Any, str], Node], value: Any, path: str) -> Node:
        if len(self._open) >= _DEPTH or self._room <= 0 or id(value) in self._open:
            return self._left_behind(value, path.rstrip("."))
        self._open.append(id(value))
        try:
            return pack(value, path)
        finally:
            self._open.pop()

    def _value(self, value: Any, path: str) -> Node:
        if value is None or type(value) in _PLAIN:
            return self._plain(value, path)
        for place, error in enumerate(self._errors):
            if error is value:
                return ("again", place)
        return self._nested(self._packed, value, path)

    def _packed(self, value: Any, path: str) -> Node:
        kind = type(value)
        if isinstance(value, Sized) and len(value) * _ITEM > self._room:
            return self._left_behind(value, path)
        if kind in _MANY:
            items = [self._value(one, f"{path}[{place}]") for place, one in enumerate(value)]
            return (_MANY[kind], tuple(items))
        if kind is dict:
            return ("dict", self._pairs(value, path))
        made = name_in_table(kind)
        if made is not None:
            return ("made", made, self._value(standard(made).read(value), path))
        if isinstance(value, type):
            return ("class", *_name(value))
        if isinstance(value, BaseException):
            return ("exception", self.exception(value, f"{path}."))
        shape = shape_of(kind) if isinstance(value, Enum | tuple) else None
        if shape is not None:
            with suppress(TypeError):  # more than its parts
                return ("shaped", *_name(kind), self._value(tuple(shape.read(value)), path))
        if fields_of(kind) is not None:
            state = {n: getattr(value, n) for n in slots_of(kind) if hasattr(value, n)}
            state |= getattr(value, "__dict__", {})
            return ("record", *_name(kind), self._pairs(state, path))
        return self._stays(value, path)

    def _plain(self, value: Any, path: str) -> Node:
        size = len(value) if isinstance(value, str | bytes) else _ITEM
        if isinstance(value, int):
            size += value.bit_length() // 4
        if size > self._room:
            return self._left_behind(value, path)
        self._room -= size
        if type(value) is str and not value.isascii():
            return ("text", value.encode("utf-8", "surrogatepass"))
        return ("plain", value)

    def _pairs(self, held: dict[Any, Any], path: str) -> Node:
        return tuple(
            [
                (self._value(key, f"a key of {path}"), self._value(one, f"{path}[{key!r:.40}]"))
                for key, one in held.items()
            ]
        )

    def _stays(self, value: Any, path: str) -> Node:
        """Pack a value of the package; a user's kind of number or text as what it is at heart."""
        with suppress(Exception):
            encode(value)
            self._room -= 64
            return ("plain", value)
        for base in _PLAIN[1:]:
            if isinstance(value, base):
                make: Any = base
                return self._plain(make.__new__(make, value), path)
        return self._left_behind(value, path)

    def _left_behind(self, value: Any, path: str) -> Node:
        kind = ".".join(_name(type(value)))
        if isinstance(value, Sized) and len(value) * _ITEM > self._room:
            value = (
                value[:_REPR] if isinstance(value, str) else new_left_behind(f"<{kind}, too large>")
            )
        if len(self.left) < _LISTED:
            self.left.append(f"{path} ({kind})")
        elif len(self.left) == _LISTED:
            self.left.append("and others")
        text = f"<{kind}>"
        if self._room > 0:
            with suppress(BaseException):  # a user's __repr__ may raise anything
                text = in_utf_8(repr(value))
        if len(text) > _REPR:
            text = f"{text[:_REPR]}..."
        self._room -= len(text)
        return ("left", text)


# --- here --------------------------------------------------------------------------------------


class Unpacking:
    """Makes an exception of its node; ``left`` names what could not be had here."""

    __slots__ = ("_errors", "_shard", "left")

    def __init__(self, shard: int) -> None:
        self.left: list[str] = []
        self._shard = shard
        self._errors: list[BaseException | None] = []  # as in Packing; None until it is made

    def exception(self, node: Node) -> BaseException:
        """Return the exception; a ShardCallbackError where its class cannot be had here."""
        self._errors.append(None)
        try:
            return self._exception(node)
        finally:
            self._errors.pop()

    def _exception(self, node: Node) -> BaseException:
        module, name, _, _, arguments, group, state = node
        parts = [self._part(part) for part in group[2]] if group else []
        try:
            kind = _class(module, name)
            if not issubclass(kind, BaseException):
                raise WireError(f"{module}.{name} is no exception here")  # noqa: TRY301 - as resolve() does
            error = _new(kind, group and group[0], parts if not group or group[1] else tuple(parts))
            self._errors[-1] = error
            if arguments is not None:
                set_part(error, "args", self.value(arguments))
            self._fill(error, state)
        except Exception as why:  # noqa: BLE001 - the class is a user's: it may raise anything
            return self._stand_in(node, parts, str(why))
        return error

    def _stand_in(self, node: Node, parts: list[BaseException], why: str) -> ShardCallbackError:
        """Return what is raised in place of an exception whose class cannot be had.

        It is of its base classes all the same, so that clauses that catch one of these hold.
        """
        module, name, bases, text, _, _, state = node
        told = f"{module}.{name}: {text}"
        found = ShardCallbackError(told, self._shard)
        for base in bases:
            with suppress(Exception):
                made: Any = _new(_with_base(_class(*base)), told if parts else None, parts)
                self._fill(made, state)
                set_part(made, "args", (told,))
                found = made
                break
        held = _dictionary(found)
        held["shard"], held["why"] = self._shard, why
        return found

    def _part(self, node: Node) -> BaseException:
        if node[0] == "left":
            return ShardCallbackError(node[1], self._shard)
        return self.exception(node)

    def _fill(self, error: BaseException, state: Node) -> None:
        kind = type(error)
        members = _members(_native(kind))
        slots = slots_of(kind)
        held = _dictionary(error)
        for name, part in state:
            value = self.value(part)
            if name in members:
                with suppress(Exception):
                    members[name].__set__(error, value)
            elif name in slots:
                with suppress(Exception):
                    slots[name].__set__(error, value)
            else:
                held[name] = value

    def value(self, node: Node) -> Any:
        """Return the value of a node."""
        tag, *rest = node
        if tag == "plain":
            return rest[0]
        if tag == "left":
            return new_left_behind(rest[0])
        if tag in _MANY_BY_NAME:
            return _MANY_BY_NAME[tag]([self.value(one) for one in rest[0]])
        try:
            return self._made(tag, rest)
        except Exception as why:  # noqa: BLE001 - classes are a user's: they may raise anything
            self.left.append(str(why))
            return new_left_behind(f"<{'.'.join(map(str, rest[:2]))}>")

    def _made(self, tag: str, rest: list[Any]) -> Any:
        if tag == "text":
            return rest[0].decode("utf-8", "surrogatepass")
        if tag == "dict":
            return self._pairs(rest[0])
        if tag == "made":
            return standard(rest[0]).make(*self.value(rest[1]))
        if tag == "exception":
            return self.exception(rest[0])
        if tag == "again":
            return self._errors[rest[0]]
        kind = _class(rest[0], rest[1])
        if tag == "class":
            return kind
        shape = shape_of(kind) if tag == "shaped" else None
        if shape is not None:
            return shape.make(self.value(rest[2]))
        if tag == "record" and fields_of(kind) is not None:
            record: Any = object.__new__(kind)
            for name, value in self._pairs(rest[2]).items():
                object.__setattr__(record, name, value)
            return record
        raise WireError(f"{rest[0]}.{rest[1]} is another kind of class here")

    def _pairs(self, pairs: Node) -> dict[Any, Any]:
        return {self.value(key): self.value(one) for key, one in pairs}


def _class(module: str, name: str) -> type:
    if module not in sys.modules:
        if module not in IMPORTABLE:
            raise WireError(f"this process has not imported {module}")
        import_module(module)
    if "<locals>" in name:
        raise WireError("a class that is made in a function is none of this process")
    return resolve(module, name)


def _new(kind: type, message: str | None, parts: Any) -> BaseException:
    native: Any = _native(kind)
    made = native.__new__(kind) if message is None else native.__new__(kind, message, parts)
    if not isinstance(made, kind):
        raise TypeError(f"{kind.__qualname__} cannot be made")
    return made  # type: ignore[return-value]  # a class of exceptions


@lru_cache(maxsize=64)
def _with_base(base: type) -> type:
    """Return ShardCallbackError as a class of another base, too."""
    if not issubclass(base, Exception):
        raise TypeError(f"{base.__qualname__} is no exception")
    if issubclass(ShardCallbackError, base):
        return ShardCallbackError
    if any("__init_subclass__" in vars(kind) for kind in base.__mro__[:-1]):
        raise TypeError(f"{base.__qualname__} has a say in who derives from it")
    space = {"__module__": ShardCallbackError.__module__, "__slots__": ()}
    return type("ShardCallbackError", (ShardCallbackError, base), space)
