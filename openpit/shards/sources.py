"""The sources of the user's code, as they were when an engine was built: modules, and their files.

A worker that starts later imports them anew, and must find the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.engine.custom import CustomPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["NO_SOURCES", "Sources", "sources_of"]


class Sources(NamedTuple):
    """Modules whose code runs in the workers, in order."""

    modules: tuple[str, ...]
    files: tuple[tuple[str, tuple[int, int] | None], ...]
    """Of each that has one its file, with the time of its last change and its size."""

    def changed(self) -> list[str]:
        """Return the files that are others than they were."""
        return [path for path, mark in self.files if _mark_of(path) != mark]


NO_SOURCES: Final = Sources((), ())


def sources_of(policies: Iterable[BuiltinPolicy], factories: Iterable[object]) -> Sources:
    """Return the modules of custom policies and of actors' factories."""
    objects = [policy._policy for policy in policies if isinstance(policy, CustomPolicy)]  # noqa: SLF001 - what it wraps
    modules = dict.fromkeys(_module_of(one) for one in (*objects, *factories))
    files = [getattr(sys.modules.get(name), "__file__", None) for name in modules]
    return Sources(tuple(modules), tuple((path, _mark_of(path)) for path in files if path))


def _module_of(value: object) -> str:
    """Return the module of a function, or of a class or of that of an object."""
    own = value if hasattr(value, "__qualname__") else type(value)
    return str(getattr(own, "__module__", "") or type(value).__module__)


def _mark_of(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
