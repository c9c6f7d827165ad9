"""What a forked copy of the calling process must let go of.

A copy of the router's pipe ends would hide from the workers that the router has gone, and a copy of
the engine would speak into pipes that are not its own. So a copy closes them, and its engines are
closed from the start; nothing of this is felt in the process that forked.
"""

from __future__ import annotations

import os
from typing import Any, Final
from weakref import WeakSet

__all__ = ["let_go_in_copies"]

_faces: Final[WeakSet[Any]] = WeakSet()


def let_go_in_copies(face: Any) -> None:
    """Make a face disown its workers in every process that is forked from this one."""
    _faces.add(face)


def _in_copy() -> None:
    for face in list(_faces):
        face.disown()


os.register_at_fork(after_in_child=_in_copy)
