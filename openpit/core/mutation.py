"""What a policy wants done when the fate of its reservation is known."""

from __future__ import annotations

import typing
from dataclasses import dataclass

__all__ = ["Mutation"]


@dataclass(frozen=True)
class Mutation:
    """A pair of callables without arguments, exactly one of which is called, once.

    ``commit`` runs when the reservation is committed, ``rollback`` when it is rolled back or
    dropped. Nothing is checked here: a value that cannot be called counts as a failed finaliser
    when its time comes (spec section 5.4).
    """

    __module__ = "openpit.core"

    commit: typing.Callable[[], None]
    rollback: typing.Callable[[], None]
