"""What a policy wants done when the fate of its reservation is known."""

from __future__ import annotations

import typing
from dataclasses import dataclass

__all__ = ["Mutation"]


@dataclass(frozen=True, init=False)
class Mutation:
    """A pair of callables without arguments, exactly one of which is called, once.

    ``commit`` runs when the reservation is committed, ``rollback`` when it is rolled back or
    dropped. Nothing is checked here: a value that cannot be called counts as a failed finaliser
    when its time comes.
    """

    __module__ = "openpit.core"
    __slots__ = ("__weakref__", "commit", "rollback")

    commit: typing.Callable[[], None]
    rollback: typing.Callable[[], None]

    def __init__(
        self, commit: typing.Callable[[], None], rollback: typing.Callable[[], None]
    ) -> None:
        _set_commit(self, commit)
        _set_rollback(self, rollback)

    def __reduce__(self) -> tuple[type[Mutation], tuple[object, object]]:
        return Mutation, (self.commit, self.rollback)


# A frozen class stores through its slots: policies make one of these for most orders, and this is
# twice as fast as what dataclasses generate.
_set_commit = Mutation.__dict__["commit"].__set__
_set_rollback = Mutation.__dict__["rollback"].__set__
Mutation.__init__.__annotations__["return"] = None  # as in the signature that is generated
