"""Where in a policy something lies, in the words of its source: ``Limits.settings["feed"][1]``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from openpit.pretrade.policy_contract import BuiltinPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["path_of"]

_LONGEST: Final = 300


def path_of(chain: Sequence[Any]) -> str:
    """Return the path to the last object of a chain, each of which holds the next.

    An object holds its state: a dictionary of its attributes, or a tuple with one in it.
    """
    path = ""
    is_state = False
    for holder, held in pairwise(chain):
        if isinstance(held, BuiltinPolicy):
            path, is_state = held.name, False
            continue
        if isinstance(holder, dict) and (is_state or _holds(holder, held)):
            path += _attribute(holder, held) if is_state else _item(holder, held)
            is_state = False
        elif isinstance(holder, (list, tuple)) and not is_state:
            path += f"[{_place(holder, held)}]" if path else ""
        elif isinstance(holder, (set, frozenset)):
            path += "{...}"
        elif not isinstance(holder, (list, tuple, dict)):
            path += _of_object(holder, held, chain)
            is_state = type(held) in (dict, tuple) and not _is_item(holder, held)
        elif type(held) not in (dict, tuple):
            is_state = False
    # A policy of the user's own lies in the engine's wrapper of it.
    return path.replace("._policy", "", 1)[:_LONGEST] or "something in it"


def _of_object(holder: Any, held: Any, chain: Sequence[Any]) -> str:
    if isinstance(holder, CellType):
        for function in reversed(chain):
            if isinstance(function, FunctionType):
                cells = function.__closure__ or ()
                for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
                    if cell is holder:
                        return f".<closure {name}>"
    if _is_item(holder, held):
        return f"[{_place(holder, held)}]"
    return ""


def _is_item(holder: Any, held: Any) -> bool:
    """Tell whether a container of a class of its own, such as a deque, has an object in it."""
    try:
        return (
            isinstance(holder, Iterable)
            and hasattr(holder, "__len__")
            and not isinstance(holder, (type, Mapping, str))
            and any(item is held for item in holder)
        )
    except Exception:  # noqa: BLE001 - the class is a user's: this only looks for words
        return False


def _holds(holder: dict[Any, Any], held: Any) -> bool:
    return any(value is held or key is held for key, value in holder.items())


def _item(holder: dict[Any, Any], held: Any) -> str:
    for key, value in holder.items():
        if value is held:
            return f'["{key}"]' if isinstance(key, str) else f"[{key!r:.60}]"
    return "[a key]"


def _attribute(holder: dict[Any, Any], held: Any) -> str:
    for name, value in holder.items():
        if value is held:
            return f".{name}"
    return ""


def _place(holder: Iterable[Any], held: Any) -> int | str:
    return next((place for place, item in enumerate(holder) if item is held), "...")
