"""The part of a builder that names the actors of an engine's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from openpit.core.opaque import InProcess
from openpit.param.words import is_encodable
from openpit.wire.limits import ACTOR_NAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.param.ids import AccountId

__all__ = ["Actor", "ActorStage"]


class Actor(Protocol):
    """Code of a program's own, in a worker. It may have ``on_start()`` and ``on_close()``, too."""

    def receive(self, account_id: AccountId, message: bytes, /) -> bytes | None:
        """Handle a message, for its account alone; return the answer, None for no answer."""


class ActorStage(InProcess):
    """The part of :class:`openpit.ReadyShardedEngineBuilder` that adds actors."""

    __slots__ = ()

    _actors: dict[str, Any]

    def _open(self) -> Any:
        """Raise ValueError if the engine is built: the builder's own."""
        raise NotImplementedError

    def actor(self, name: str, factory: Callable[[Any, int], Actor]) -> Self:
        """Have code of your own in every worker, beside the engine (see docs/actors.md).

        ``factory(engine, shard)`` is called once in each with an :class:`openpit.ActorEngine` and
        the shard's number; what it returns has a method ``receive(account_id, message)``, which
        ``ask()``, ``ask_many()`` and ``tell()`` of the engine call. It may have ``on_start()`` and
        ``on_close()``. The factory travels as a policy does.

        Raises:
            TypeError: ``name`` is no text, or ``factory`` cannot be called.
            ValueError: the name is empty, too long or taken, or the engine is built.
        """
        self._open()
        if not isinstance(name, str) or not callable(factory):
            raise TypeError("actor() takes a name and a factory")
        if not (is_encodable(name) and 0 < len(name.encode()) <= ACTOR_NAME_BYTES):
            raise ValueError(f"an actor's name has 1 to {ACTOR_NAME_BYTES} bytes of UTF-8")
        if name in self._actors:
            raise ValueError(f"duplicate actor name in engine configuration: {name}")
        self._actors[str.__str__(name)] = factory
        return self
