"""Policies that do not arrive in a worker, each for a reason of its own."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpit.pretrade import Policy

if TYPE_CHECKING:
    from collections.abc import Callable


class _Unpicklable:
    def __reduce__(self) -> Any:
        raise PermissionError("not to be copied")


NEVER_PICKLED: dict[str, Callable[[], object]] = {
    "a generator": lambda: (number for number in range(3)),
    "a poll object": select.poll,
    "what refuses": _Unpicklable,
}


class FailsToLoad(Policy):
    name = "FailsToLoad"

    def __reduce__(self) -> Any:
        return _unlicensed, ()


def _unlicensed() -> None:
    raise RuntimeError("no licence for this machine")


class FailsWhenMade(Policy):
    """Is made anew in the worker, by its constructor."""

    name = "FailsWhenMade"

    def __init__(self, home: int | None = None) -> None:
        self._home = os.getpid() if home is None else home
        if os.getpid() != self._home:
            raise OSError("no such book")

    def __reduce__(self) -> Any:
        return FailsWhenMade, (self._home,)


class FailsInItsName(Policy):
    @property
    def name(self) -> str:
        raise KeyError("name")


class DiesWhenLoaded(Policy):
    name = "DiesWhenLoaded"

    def __reduce__(self) -> Any:
        return os._exit, (9,)


class HangsWhenLoaded(Policy):
    name = "HangsWhenLoaded"

    def __reduce__(self) -> Any:
        return time.sleep, (3600,)


class OnlyOne(Policy):
    """Is loaded by whichever worker comes first, and by no other."""

    name = "OnlyOne"

    def __init__(self, path: str) -> None:
        self._path = path

    def __setstate__(self, state: dict[str, str]) -> None:
        self._path = state["_path"]
        Path(self._path).touch(exist_ok=False)
