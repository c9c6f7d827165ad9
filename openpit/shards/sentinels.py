"""Objects that are known by their identity alone: ``UNSET = object()`` in a module.

A copy of such an object would be another thing, and what asks ``value is UNSET`` would answer
otherwise in a worker. So one that a module, or a class of a module, has a name for goes by it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from openpit.wire.classes import MAIN, find, is_importable, is_main_imported

if TYPE_CHECKING:
    from openpit.wire.classes import Name

__all__ = ["Sentinels", "is_bare", "sentinel"]

_OWN_COPYING: Final = ("__reduce__", "__reduce_ex__", "__getstate__")


def is_bare(obj: object) -> bool:
    """Tell whether an object has no state, and copies as every object does: it is itself only."""
    kind: Any = type(obj)
    if kind.__flags__ & _IS_HEAP == 0 and kind is not object:
        return False
    if any(getattr(kind, name) is not getattr(object, name) for name in _OWN_COPYING):
        return False
    if hasattr(kind, "__getnewargs__") or hasattr(kind, "__getnewargs_ex__"):
        return False
    try:
        reduced: Any = obj.__reduce_ex__(2)
    except Exception:  # noqa: BLE001 - it cannot be copied at all, which is said where it is
        return False
    return bool(reduced[1] == (kind,) and all(part is None for part in reduced[2:]))


_IS_HEAP: Final = 1 << 9  # CPython's flag of a class that Python code made


class Sentinels:
    """The names by which a worker finds this program's bare objects."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[int, Name] | None = None  # until one is asked for

    def name_of(self, obj: object) -> Name | None:
        """Return the module and the name that lead to an object; None if it has no such name."""
        if self._names is None:
            self._names = _names()
        name = self._names.get(id(obj))
        if name is None or find(*name) is not obj or not is_importable(sys.modules[name[0]]):
            return None
        return name


def sentinel(module: str, name: str, kind: type) -> object:
    """Return what a name leads to in this process; a fresh object where it has no such thing.

    A script may define it under its ``__main__`` guard only: then no code here can know it either.
    """
    import_module(module)
    found = find(module, name)
    return found if type(found) is kind else object.__new__(kind)


def _names() -> dict[int, Name]:
    """Return the names of all objects of users' modules and their classes, by identity.

    Where there are several, that of a module other than the main one, which may have imported it.
    """
    names: dict[int, Name] = {}
    homes = [home for home in list(sys.modules.items()) if type(home[1]) is ModuleType]
    for module, home in sorted(homes, key=lambda pair: pair[0] not in MAIN):
        if module in MAIN:
            is_told = is_main_imported()
        else:
            is_told = module.partition(".")[0] not in sys.stdlib_module_names
        if is_told:
            for name, value in list(vars(home).items()):
                names[id(value)] = (module, name)
                if isinstance(value, type) and value.__module__ == module:
                    for inner, held in list(vars(value).items()):
                        names[id(held)] = (module, f"{value.__qualname__}.{inner}")
    return names
