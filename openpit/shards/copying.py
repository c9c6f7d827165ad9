"""Copies of policies on their way to the workers, once, at start-up.

Modules go by name and never by content, and with them the classes and functions that their names
lead to, those of the main module included. Where a worker has no main module to import (``-c``, a
prompt, a notebook), what the policies use of it goes by content, once, and is put into the worker's
main module. What stands for something of this process alone (a file, a socket, a held lock, an
engine) is refused: a copy would be another thing, and making it may harm the original.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import io
import mmap
import os
import pickle
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import import_module
from types import CodeType, FunctionType, GeneratorType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import dill
from msgspec.msgpack import encode

from openpit.core.opaque import InProcess
from openpit.engine.custom import CustomPolicy
from openpit.engine.pipeline import EngineCore
from openpit.errors import ShardStartError
from openpit.marketdata.service import MarketDataBuilder, MarketDataService
from openpit.pretrade.handles import Reservation
from openpit.pretrade.start import Request
from openpit.shards.policy_paths import path_of
from openpit.shards.sentinels import Sentinels, is_bare, sentinel
from openpit.wire.classes import (
    MAIN,
    Told,
    find,
    is_importable,
    is_main_imported,
    missing,
    offer,
    tell,
)
from openpit.wire.limits import START_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.wire.classes import Name

__all__ = ["PolicyUnpickler", "dump_policies", "readers_of"]

_RECURSIVE: Final = type(threading.RLock())
_LOCKS: Final = (type(threading.Lock()), _RECURSIVE)
_FILES: Final = (
    io.FileIO,
    io.BufferedReader,
    io.BufferedWriter,
    io.BufferedRandom,
    io.BufferedRWPair,
    io.TextIOWrapper,
)
_REFUSED: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (_FILES, "an open file stays in its process: open it in the worker, at first use"),
    (socket.socket, "a socket stays in its process"),
    (mmap.mmap, "mapped memory stays in its process"),
    (subprocess.Popen, "a child process stays with its parent"),
    (threading.Thread, "a thread stays in its process"),
    (GeneratorType, "a generator cannot be copied: make it in the worker, at first use"),
    (
        (InProcess, EngineCore, Request, Reservation),
        "an engine, its builder and its handles stay in their process",
    ),
    (MarketDataBuilder, "a builder stays in its process"),
)
_WORKS_HERE: Final = "it works in its process alone"
_REFUSED_BY_NAME: Final = {
    f"{package}.{name}": why
    for package in ("multiprocessing", "multiprocess")
    for name, why in (
        ("connection._ConnectionBase", "a connection's descriptor stays in its process"),
        (
            "shared_memory.SharedMemory",
            "it would be removed with the worker: open it by its name in the worker, at first use",
        ),
    )
} | {
    "concurrent.futures._base.Executor": _WORKS_HERE,
    "concurrent.futures._base.Future": _WORKS_HERE,
    "_asyncio.Future": _WORKS_HERE,
    "asyncio.futures.Future": _WORKS_HERE,
    "asyncio.events.AbstractEventLoop": _WORKS_HERE,
}
"""Of modules that many programs, and most workers, have no other need to import."""

_OF_SYSTEM: Final = tuple(
    [(sys, name) for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")]
    + [(sys, "path"), (sys, "modules"), (os, "environ")]
)
_CACHED: Final = type(functools.lru_cache(int))
_SENTINELS: Final = ("MISSING", "KW_ONLY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR")
_CALLER: Final = ("openpit.router.", "openpit.client.", "openpit.faces.")
_ROOM: Final = 65536  # in the frame, beside the policies


class _Pickler(dill.Pickler):  # type: ignore[misc]  # dill ships no types
    """Writes policies; knows where in them it is, and collects the services that they read."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, recurse=False)
        self.services: list[MarketDataService] = []
        self.stack: list[object] = []
        self.names: dict[str, None] = {}
        self._sentinels = Sentinels()
        self._imports_main = is_main_imported()
        self._importable: dict[str, bool] = {}

    def persistent_id(self, value: object) -> int | None:
        """Return a service's place in the list; None for anything that is pickled."""
        if not isinstance(value, MarketDataService):
            return None
        for place, service in enumerate(self.services):
            if service is value:
                return place
        self.services.append(value)
        return len(self.services) - 1

    def save(self, obj: object, save_persistent_id: bool = True) -> None:  # noqa: FBT001, FBT002 - pickle's own
        """Write an object, by its name where it has one in the worker."""
        depth = len(self.stack)
        self.stack.append(obj)
        if id(obj) in self.memo or not self._save_named(obj):
            super().save(obj, save_persistent_id)
        del self.stack[depth:]

    def _save_named(self, obj: Any) -> bool:
        kind = type(obj)
        if kind is dict:
            home = sys.modules.get(name) if type(name := obj.get("__name__")) is str else None
            if isinstance(home, ModuleType) and home.__dict__ is obj:
                self.save_reduce(_namespace, (self._require(home),), obj=obj)
            elif obj is sys.modules:
                self.save_reduce(getattr, (sys, "modules"), obj=obj)
            else:
                pickle._Pickler.save_dict(self, obj)  # type: ignore[attr-defined]  # noqa: SLF001 - dill's base
            return True
        if isinstance(obj, ModuleType):
            self.save_reduce(import_module, (self._require(obj),), obj=obj)
            return True
        if isinstance(obj, (type, FunctionType, _CACHED)):
            return self._save_defined(obj)
        for home, name in _OF_SYSTEM:
            if obj is getattr(home, name):
                self.save_reduce(getattr, (home, name), obj=obj)
                return True
        for name in _SENTINELS:
            # Known by identity: a copy would be another thing.
            if obj is getattr(dataclasses, name, None):
                self.save_reduce(getattr, (dataclasses, name), obj=obj)
                return True
        _refuse_bound(obj)
        if kind is _RECURSIVE:
            # dill's copy of one that nobody holds is held by nobody, for ever.
            self.save_reduce(threading.RLock, (), obj=obj)
            return True
        return self._save_sentinel(obj)

    def _save_sentinel(self, obj: object) -> bool:
        name = self._sentinels.name_of(obj) if is_bare(obj) else None
        if name is None:
            return False
        self.save_reduce(sentinel, (*name, type(obj)), obj=obj)
        return True

    def _save_defined(self, obj: Any) -> bool:
        """Write a class, a function, or one with a cache."""
        module, name = obj.__module__, obj.__qualname__
        if not isinstance(module, str) or find(module, name) is not obj:
            self._note(obj)
            return self._save_enum(obj)
        if module in MAIN and not self._imports_main:
            self.names[name.partition(".")[0]] = None
            self._note(obj)
            return self._save_enum(obj)
        self._require(sys.modules[module], module)
        pickle._Pickler.save_global(self, obj, name)  # type: ignore[attr-defined]  # noqa: SLF001 - dill's base
        return True

    def _save_enum(self, obj: Any) -> bool:
        """Write an enumeration as its members' values: in each, dill meets the class again."""
        if not isinstance(obj, enum.EnumMeta):
            return False
        if "__new_member__" in vars(obj):
            raise TypeError(f"{obj.__qualname__} has a __new__ of its own: define it in a module")
        held: dict[str, Any] = dict(obj.__members__)
        members = [(name, member._value_) for name, member in held.items()]
        rest = {
            name: value
            for name, value in vars(obj).items()
            if name not in obj.__members__
            and (
                (isinstance(value, FunctionType) and value.__module__ == obj.__module__)
                or (type(value) in (property, classmethod, staticmethod) and name[0] != "_")
            )
        }
        made = (type(obj), obj.__name__, obj.__qualname__, obj.__module__, obj.__bases__, members)
        # The methods come behind: they may name the class.
        self.save_reduce(_create_enum, made, rest, None, None, _set_attributes, obj=obj)
        return True

    def _note(self, obj: object) -> None:
        """Note what a function that goes by content uses of a main module that stays here."""
        if not isinstance(obj, FunctionType):
            return
        home = sys.modules.get(obj.__module__ or "")
        # Of another module's globals dill would copy all: of a wrapper only what it uses.
        self._recurse = getattr(home, "__dict__", None) is not obj.__globals__
        main = sys.modules["__main__"].__dict__
        if obj.__globals__ is main and not self._imports_main:
            self.names.update(dict.fromkeys(name for name in _used(obj.__code__) if name in main))

    def _require(self, module: ModuleType, name: str = "") -> str:
        """Return the name by which a worker imports a module: its own, or another that it has.

        Raises:
            TypeError: there is none.
        """
        name = name or module.__name__
        if name not in MAIN and sys.modules.get(name) is not module:
            name = next((other for other, one in sys.modules.items() if one is module), name)
        known = self._importable.get(name)
        if known is None:
            known = self._importable[name] = is_importable(module, name)
        if not known:
            raise TypeError(f"a worker cannot import the module {name!r} by its name")
        return name


class PolicyUnpickler(dill.Unpickler):  # type: ignore[misc]  # as above
    """Reads policies, and says what a worker's modules lack."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name leads to.

        Raises:
            AttributeError: the module, imported here, does not define it.
        """
        try:
            return super().find_class(module, name)
        except AttributeError as error:
            raise AttributeError(missing(module, name)) from error


def dump_policies(
    policies: Sequence[BuiltinPolicy],
    actors: Sequence[tuple[str, Any]] = (),
    make_engine: str = "",
) -> tuple[bytes, list[MarketDataService], Told]:
    """Return policies that no engine has bound yet, pickled, and the services that they read.

    With them go the factories of actors by their names, and by its own (``module:function``) what
    makes the engine that each is given. Users' classes that are loaded go along by name, and are
    returned, too; see :mod:`openpit.wire.classes`.

    Raises:
        ShardStartError: something in a policy or an actor's factory cannot be copied; the text has
            its name and the path to it. Or all of it is too large for a frame.
    """
    # Nothing of users' own travels unless a policy of theirs could see it.
    is_seen = any(isinstance(policy, CustomPolicy) for policy in policies)
    told, offered = tell(), offer() if is_seen else ()
    main = sys.modules["__main__"].__dict__
    used = {} if is_main_imported() else _used_of_main(policies, actors, main, told, offered)
    code = {name: value for name, value in used.items() if isinstance(value, (type, FunctionType))}
    rest = {name: value for name, value in used.items() if name not in code}
    by_name = [pair for pair in told if pair[0] not in MAIN or is_main_imported()]
    file = io.BytesIO()
    pickler = _Pickler(file)
    # Names are many, and dill takes longer for each than it takes to look for them all.
    names = encode((by_name, offered))
    for part in (names, code, rest, [policy.name for policy in policies]):
        _dump(pickler, part)
    for policy in policies:
        _dump(pickler, [policy])
    _dump(pickler, [name for name, _ in actors])
    if actors:
        _dump(pickler, make_engine)
    for name, factory in actors:
        _dump(pickler, [factory], actor=name)
    payload = file.getvalue()
    if len(payload) > START_BYTES - _ROOM:
        raise ShardStartError(_too_large(policies, actors, len(payload)), 0)
    return payload, pickler.services, Told(frozenset(told), offered)


def readers_of(
    services: Sequence[MarketDataService], policies: Sequence[BuiltinPolicy]
) -> list[tuple[str, ...]]:
    """Return the names of the policies that read each of these services.

    Each policy is looked through on its own, as often as they share what holds a service.
    """
    if not services:
        return []
    read: dict[str, list[MarketDataService]] = {}
    for policy in policies:
        pickler = _Pickler(io.BytesIO())
        _dump(pickler, [policy])
        read[policy.name] = pickler.services
    return [
        tuple(name for name, its in read.items() if any(one is service for one in its))
        for service in services
    ]


def _used_of_main(
    policies: Sequence[BuiltinPolicy],
    actors: Sequence[tuple[str, Any]],
    main: dict[str, Any],
    told: Iterable[Name],
    offered: Iterable[Name],
) -> dict[str, Any]:
    """Return what policies and actors use of a main module that cannot be imported.

    And what that uses. What it defines for users' objects and their values goes along, too: values'
    classes as far as they can be copied, for nobody has asked for them yet.
    """
    done: dict[str, Any] = {}
    pickler = _Pickler(io.BytesIO())
    pickler.names.update(_of_main(told))
    _dump(pickler, list(policies))
    for name, factory in actors:
        _dump(pickler, [factory], actor=name)
    _follow(pickler, main, done)
    for name in _of_main(offered):
        if name not in done:
            found: dict[str, Any] = {}
            pickler = _Pickler(io.BytesIO())
            pickler.names[name] = None
            with suppress(ShardStartError):
                _follow(pickler, main, found)
                done |= found
    return done


def _of_main(names: Iterable[Name]) -> dict[str, None]:
    """Return under which of its names the main module has these classes."""
    return {name.partition(".")[0]: None for at, name in names if at in MAIN}


def _follow(pickler: _Pickler, main: dict[str, Any], done: dict[str, Any]) -> None:
    while waiting := [name for name in pickler.names if name not in done]:
        for name in waiting:
            done[name] = main[name]
            _dump(pickler, {name: main[name]}, name)


def _dump(pickler: _Pickler, part: object, of_main: str = "", *, actor: str = "") -> None:
    try:
        pickler.dump(part)
    except Exception as error:
        # dill lets through whatever a policy's attributes raise.
        where = path_of(pickler.stack)
        what = f"actor {actor}" if actor else "a policy"
        if of_main:
            rest = where.removeprefix(f'["{of_main}"]')
            where = f"{of_main} of the main module, which it uses{rest and f', {of_main}{rest}'}"
        raise ShardStartError(
            f"{what} cannot be copied into a worker: {where}: {type(error).__name__}: {error}", 0
        ) from error


def _too_large(
    policies: Sequence[BuiltinPolicy], actors: Sequence[tuple[str, Any]], size: int
) -> str:
    sizes = []
    for name, one in [(policy.name, policy) for policy in policies] + [*actors]:
        file = io.BytesIO()
        _Pickler(file).dump(one)
        sizes.append((len(file.getvalue()), name))
    largest, name = max(sizes)
    return (
        f"a policy cannot be copied into a worker: {name} takes {largest:,} bytes, all policies "
        f"{size:,}; the limit is {START_BYTES - _ROOM:,}: keep a large table in a module, which "
        "each worker imports by its name, or load it at first use"
    )


def _refuse_bound(obj: Any) -> None:
    """Refuse what means something in this process only.

    Raises:
        TypeError: a file, a socket, a held lock, an engine and the like.
    """
    kind = type(obj)
    if kind in _LOCKS:
        if not repr(obj).startswith("<unlocked"):
            raise TypeError("a lock that is held cannot be copied")
        return
    for refused, why in _REFUSED:
        if isinstance(obj, refused):
            raise TypeError(f"{kind.__module__}.{kind.__qualname__} cannot be copied: {why}")
    for base in kind.__mro__:
        said = _REFUSED_BY_NAME.get(f"{base.__module__}.{base.__qualname__}")
        if said is not None:
            raise TypeError(f"{kind.__module__}.{kind.__qualname__} cannot be copied: {said}")
    if kind.__module__.startswith(_CALLER):
        raise TypeError("an engine, its builder and its handles stay in their process")


def _used(code: CodeType) -> set[str]:
    """Return the names that code may look up in its module, that of inner functions included."""
    names = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            names |= _used(inner)
    return names


def _namespace(module: str) -> dict[str, Any]:
    """Return a module's names, in the worker."""
    return import_module(module).__dict__


def _create_enum(
    kind: type, name: str, qualname: str, module: str, bases: tuple[type, ...], members: list[Any]
) -> Any:
    """Return an enumeration made of its members, in the worker."""
    body: Any = kind.__prepare__(name, bases)
    body["__module__"], body["__qualname__"] = module, qualname
    for member, value in members:
        body[member] = value
    return kind(name, bases, body)


def _set_attributes(kind: type, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(kind, name, value)
