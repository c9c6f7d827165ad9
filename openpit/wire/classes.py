"""Which classes both sides have: users' subclasses, by module and name.

A class may travel if its name leads to it, and to nothing else, in the caller's process and in the
worker. What is loaded when an engine is built is told to its workers, which import it as they
start; a message that comes later never imports anything.

Values that hang on users' objects are of classes of their own, too. Those that are loaded in the
caller's process are *offered*: a worker imports nothing for them, but says at its start which of
them it lacks. The others it has from the modules of the policies and of the classes that it was
told. No other name can be resolved by a message.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet, WeakValueDictionary

from openpit.errors import WireError
from openpit.wire.class_table import BASES
from openpit.wire.shapes import has_shape, shaped

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

__all__ = [
    "MAIN",
    "Name",
    "Told",
    "are_more_told",
    "find",
    "find_value",
    "is_importable",
    "is_main_imported",
    "learn",
    "load",
    "name_of",
    "offer",
    "refuse_stranger",
    "refuse_unshared",
    "refuse_untold",
    "resolve",
    "share",
    "tell",
]

MAIN: Final = frozenset({"__main__", "__mp_main__"})
"""The main module's names: its own, and the one under which a worker imports it."""

_UNLISTED: Final = "the server has not imported it: its policies and their modules do not know it"

_LATE: Final = (
    "the engine was built before the class was defined; define it, or import its module, before "
    "build()"
)

_UNKNOWN: Final = (
    "the workers do not have it; define or import it, before build(), at the top of a module that "
    "defines a policy or the class of an order"
)

Name = tuple[str, str]
"""A class's module and qualified name."""

_told: WeakSet[type] = WeakSet()
"""The classes that engines of this process were told of."""

_learned: set[Name] = set()
"""The names of the classes that the workers of others' engines know."""

_shared: WeakValueDictionary[Name, type] = WeakValueDictionary()
"""The classes of values that both sides have, of any engine of this process."""


class Told(NamedTuple):
    """What the workers of one engine were told of: classes of objects, and offers of values'.

    ``is_servers``: it was not this process that has told them.
    """

    objects: frozenset[Name]
    values: tuple[Name, ...] = ()
    is_servers: bool = False


def name_of(kind: type) -> Name:
    """Return the name by which the other side finds a class."""
    module = kind.__module__
    return ("__main__" if module in MAIN else module), kind.__qualname__


def is_main_imported() -> bool:
    """Tell whether a worker imports the main module: a script's, or that of ``python -m module``.

    It has nothing to import for ``-c``, standard input, a prompt or a notebook; and the
    ``__main__`` of a package or an archive runs a program whenever it is imported.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name != "__main__" and not spec.name.endswith(".__main__")
    file = getattr(main, "__file__", None)
    return file is not None and os.path.isfile(file)  # noqa: PTH113 - pathlib is slow to load


def is_importable(module: ModuleType, name: str = "") -> bool:
    """Tell whether a fresh process finds a module by a name, its own; nothing is run to see."""
    name = name or module.__name__
    if name in MAIN:
        return True
    if sys.modules.get(name) is not module:
        return False
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    path = None if package is None else getattr(package, "__path__", None)
    if not parent or path is not None:
        for finder in list(sys.meta_path):
            search = getattr(finder, "find_spec", None)
            if search is not None and search(name, path, None) is not None:
                return package is None or is_importable(package)
    # What a package makes as it is imported is there again with it.
    return package is not None and getattr(package, last, None) is module and is_importable(package)


def find(module: str, name: str) -> Any:
    """Return what a name leads to among the modules that are imported here; None for nothing."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def resolve(module: Any, name: Any) -> type:
    """Return a class by its module and qualified name, if its module is imported here.

    Raises:
        WireError: this process has no such class.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise WireError(f"{module!r:.100}, {name!r:.100} is no name of a class")
    found = find("__main__" if module in MAIN else module, name)
    if not isinstance(found, type):
        raise WireError(f"there is no class {module}.{name} here")
    return found


def tell() -> list[Name]:
    """Return the names of users' classes that are loaded, for workers to import.

    A class that its name does not lead to, or whose module a worker cannot import, is left out:
    its objects do not travel.
    """
    names = []
    for kind in _loaded(BASES):
        module, name = name_of(kind)
        home = sys.modules.get(module)
        if isinstance(home, ModuleType) and find(module, name) is kind and is_importable(home):
            _told.add(kind)
            names.append((module, name))
    return names


def learn(names: Iterable[Name]) -> None:
    """Record classes that the workers of somebody else's engine know, whether they are here or not.

    The program may import them later.
    """
    _learned.update(names)


def load(names: Iterable[Name]) -> None:
    """Import the classes that were told, in a worker.

    Raises:
        WireError: one of them is not to be found, by name.
    """
    for module, name in names:
        try:
            import_module(module)
        except Exception as error:
            raise WireError(
                f"{module}, which defines {name}, cannot be imported: {error!r}"
            ) from error
        if not isinstance(find(module, name), type):
            raise WireError(missing(module, name))


def missing(module: str, name: str) -> str:
    """Return what is said of a name that a worker's own import of a module does not define."""
    if module in MAIN:
        return (
            f"the main module does not define {name} when a worker imports it: define it at the "
            'top of the script, not under `if __name__ == "__main__":`, or in a module of its own'
        )
    return f"{module} does not define {name} when a worker imports it"


def refuse_stranger(kind: type) -> None:
    """Refuse an object whose class the other side cannot have, or has another of.

    Raises:
        TypeError: its name leads to nothing or to another class, or no engine was told of it.
    """
    if kind in _told or kind in BASES:
        return
    _refuse_nameless(kind)
    if name_of(kind) in _learned:
        return
    where = f"{kind.__module__}.{kind.__qualname__} cannot travel to a shard"
    if not any(issubclass(kind, base) for base in BASES):
        return
    module = name_of(kind)[0]
    home = sys.modules.get(module)
    if not isinstance(home, ModuleType) or not is_importable(home):
        raise TypeError(
            f"{where}: a worker cannot import the module {module!r} by its name; put the "
            "class into a module that can be imported"
        )
    if _told and not _learned:  # else it is looked at for each engine: see refuse_untold()
        raise TypeError(f"{where}: {_LATE}")


def _refuse_nameless(kind: type) -> None:
    where = f"{kind.__module__}.{kind.__qualname__} cannot travel to a shard"
    if "<locals>" in kind.__qualname__:
        raise TypeError(f"{where}: a class that is defined in a function cannot be imported there")
    if find(*name_of(kind)) is not kind:
        raise TypeError(f"{where}: its name does not lead to it, so that it cannot be found there")


def are_more_told(told: frozenset[Name]) -> bool:
    """Tell whether another engine was told of other classes than these."""
    return bool(_learned) or len(told) != len(_told) + len(_shared)


def refuse_untold(
    names: Iterable[Name], told: frozenset[Name], *, is_servers: bool = False
) -> None:
    """Refuse an object of a class that the workers of one engine do not know.

    Raises:
        TypeError: a class was told to an engine that was built later, or a server lacks it.
    """
    for name in names:
        if name not in told and find(*name) not in BASES:
            why = _UNLISTED if is_servers else _UNKNOWN if name in _shared else _LATE
            raise TypeError(f"{'.'.join(name)} cannot travel to a shard: {why}")


# --- classes of values -------------------------------------------------------------------------


def offer() -> tuple[Name, ...]:
    """Return the names of all loaded classes whose values may hang on a user's object.

    These are enumerations, data classes and named tuples; see :mod:`openpit.wire.shapes`.
    """
    names = []
    for kind in shaped(list(_subclasses([object]))):
        with suppress(Exception):  # classes of other libraries, and their classes' own code
            name = name_of(kind)
            if name[0].partition(".")[0] != "openpit" and _defined(*name) is kind:
                names.append(name)
    return tuple(names)


def share(offered: Sequence[Name], lacking: Container[int] = ()) -> list[int]:
    """Record the classes that both sides have, and return the places of those not found here.

    ``lacking`` are the places of those that the other side has not found.
    """
    missing = []
    for place, name in enumerate(offered):
        if place not in lacking:
            kind = _defined(*name)
            if isinstance(kind, type) and has_shape(kind):
                _shared[name] = kind
            else:
                missing.append(place)
    return missing


def find_value(module: Any, name: Any) -> type:
    """Return a class of values that both sides have.

    Raises:
        WireError: there is none of that name.
    """
    kind = _shared.get((module, name)) if type(module) is str and type(name) is str else None
    if kind is None:
        raise WireError(f"no class of values is shared as {module!r:.100}, {name!r:.100}")
    return kind


def refuse_unshared(kind: type) -> None:
    """Refuse a value of a class that the other side does not have.

    Raises:
        TypeError: its name leads to nothing or to another class, or the workers lack it.
    """
    if _shared.get(name_of(kind)) is not kind:
        _refuse_nameless(kind)
        where = f"{kind.__module__}.{kind.__qualname__} cannot travel to a shard"
        raise TypeError(f"{where}: {_UNKNOWN}")


def _defined(module: str, name: str) -> object:
    """Return what a name leads to, by what is there alone: no module's or class's code runs."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        if not isinstance(found, (type, ModuleType)):
            return None
        found = vars(found).get(part)
    return found


def _loaded(kinds: Iterable[type]) -> Iterable[type]:
    """Walk the users' subclasses of the wire's classes, each once."""
    return (kind for kind in _subclasses(kinds) if not kind.__module__.startswith("openpit."))


def _subclasses(kinds: Iterable[type]) -> Iterable[type]:
    seen: set[type] = set()
    waiting: list[type] = list(kinds)
    while waiting:
        kind: type
        for kind in type.__subclasses__(waiting.pop()):
            if kind not in seen:
                seen.add(kind)
                waiting.append(kind)
                yield kind
