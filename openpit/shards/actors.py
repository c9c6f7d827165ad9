"""The actors of a shard: the user's own code, beside the engine.

A message is handled like a command: at its time, in its place among the other commands of its
account, and again in a replay, by an actor that was made anew. What its actor leaves open is
rolled back when it returns, unless it was kept; when it raises, kept or not. The engine that an
actor is given is made by whoever starts the worker.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from openpit.engine.custom import STATE_METHODS
from openpit.engine.state import NotExportable, hand_over, packed_state
from openpit.param.ids import new_account_id
from openpit.shards.message_counts import MessageCounts
from openpit.shards.message_scope import MessageScope
from openpit.wire import kinds
from openpit.wire.frames import too_large
from openpit.wire.limits import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.state_values import State
    from openpit.shards.answering import Reply
    from openpit.shards.clock import ShardClock
    from openpit.shards.counts import BatchCounts
    from openpit.shards.raised_log import RaisedLog
    from openpit.shards.tallies import Tallies

__all__ = ["Actors", "MakeEngine", "NewScope"]

Command = tuple[Any, ...]

NewScope: TypeAlias = (
    "Callable[[str, EngineCore, ShardClock, MessageCounts, Tallies], MessageScope]"
)

MakeEngine: TypeAlias = "Callable[[MessageScope], Any]"
"""Makes the engine that an actor is given, on what it may do."""

_log = getLogger("openpit.actors")


class _Actor(NamedTuple):
    """One that has been made."""

    receive: Callable[[Any, bytes], Any]
    scope: MessageScope
    made: Any


class Actors:
    """The actors of one shard, by their names."""

    __slots__ = (
        "_clock",
        "_core",
        "_counts",
        "_raised",
        "_tallies",
        "made",
        "new_scope",
        "returns",
    )

    def __init__(
        self,
        core: EngineCore,
        clock: ShardClock,
        counts: BatchCounts,
        tallies: Tallies,
        raised: RaisedLog,
    ) -> None:
        self._core: Final = core
        self._clock: Final = clock
        self._counts: Final = MessageCounts(counts)
        self._tallies: Final = tallies
        self._raised: Final = raised
        self.made: Final[dict[str, _Actor]] = {}
        self.new_scope: NewScope = MessageScope
        self.returns = False  # a journal has what they are told, and brings them back

    def start(
        self, number: int, factories: Sequence[tuple[str, Any]], make_engine: MakeEngine
    ) -> None:
        """Make the actors of the shard of a number, and have them start.

        Raises:
            RuntimeError: one raised; the text has its name.
        """
        for name, factory in factories:
            scope = self.new_scope(name, self._core, self._clock, self._counts, self._tallies)
            scope.unheard = self._raised.unheard
            try:
                made = factory(make_engine(scope), number)
                self.made[name] = _Actor(made.receive, scope, made)
            except Exception as error:
                raise _not_made(name, error) from error
        for name, actor in self.made.items():
            try:
                _hook(actor.made, "on_start")
            except Exception as error:
                raise _not_made(name, error) from error

    def ask(self, command: Command) -> bytes | None:
        """Have an actor receive a message; return its answer.

        Raises:
            BaseException: what the actor has raised.
            TypeError: its answer is neither bytes nor None.
            FrameTooLarge: its answer is over the limit.
        """
        _, account, name, message, *_ = command
        receive, scope, _ = self.made[name]
        now = self._clock.now
        self._counts.begin(command)
        scope.account = account
        try:
            answer: bytes | None = receive(new_account_id(account), message)
            if answer is not None:
                _check_answer(name, answer)
        except BaseException:
            scope.end(keeps=False)
            raise
        finally:
            self._clock.now = now
        scope.end(keeps=True)
        return answer

    def tell(self, command: Command) -> bool:
        """Have an actor receive a message; tell whether it has raised, which is logged."""
        try:
            self.ask(command)
        except BaseException as error:  # noqa: BLE001 - logged, and nobody waits for it
            self._raised.unheard(error, command[1], command[2])
            return True
        return False

    def reply_to_ask(self, _seq: int, command: Command, _now: int) -> Reply | None:
        """Return the reply to a message: the actor's answer; raises as :meth:`ask`."""
        answer = self.ask(command)
        return None if answer is None else (kinds.ANSWERED, answer)

    def reply_to_tell(self, _seq: int, command: Command, _now: int) -> Reply | None:
        """Return the reply to a message without answer: only whether its actor has raised."""
        return (kinds.TOLD_IN_VAIN,) if self.tell(command) else None

    def settle(self, place: int) -> None:
        """Give back what the last message, at a place of its batch, has not used of its orders."""
        self._counts.end(place)

    @property
    def kept(self) -> int:
        """How many handles they have kept beyond their messages."""
        return sum(actor.scope.kept for actor in self.made.values())

    def without_state(self) -> list[str]:
        """Return the names of those that do not export what they know."""
        return [
            name
            for name, actor in self.made.items()
            if not all(callable(getattr(actor.made, one, None)) for one in STATE_METHODS)
        ]

    def export(self) -> State:
        """Return the state of each, by its name.

        Raises:
            NotExportable: one has kept something, or exports no plain value; its name is told.
        """
        for name, actor in self.made.items():
            if actor.scope.keeps_any:
                raise NotExportable(f"actor {name} has kept a handle")
        return [
            (name, packed_state(actor.made, f"actor {name}")) for name, actor in self.made.items()
        ]

    def restore(self, state: State) -> None:
        """Take over what the actors of another shard have exported, which were made alike.

        Raises:
            JournalError: one does not take it; its name is told.
        """
        for name, packed in state:
            hand_over(self.made[name].made, packed, f"actor {name}")

    def close(self) -> None:
        """Have the actors end, once; what they have kept is rolled back, unless they return.

        In a replay it is not their end: that was another worker's.
        """
        if self._core.registry.is_replaying:
            return
        actors = [*self.made.items()]
        self.made.clear()
        for name, actor in actors:
            _close(name, actor, keeps=self.returns)


def _close(name: str, actor: _Actor, *, keeps: bool) -> None:
    try:
        _hook(actor.made, "on_close")
    except BaseException:  # noqa: BLE001 - logged: the others are to end, too
        _log.exception(
            "actor %s has raised in on_close()", name, extra={"event": "raised", "actor": name}
        )
    if not keeps:
        actor.scope.close()


def _hook(made: Any, name: str) -> None:
    """Call a method that an actor need not have."""
    hook = getattr(made, name, None)
    if hook is not None:
        hook()


def _not_made(name: str, error: Exception) -> RuntimeError:
    return RuntimeError(f"actor {name} cannot be made: {type(error).__name__}: {error}")


def _check_answer(name: str, answer: object) -> None:
    """Raise if an actor's answer cannot be sent."""
    if type(answer) is not bytes:
        raise TypeError(f"actor {name} answers {type(answer).__name__}, not bytes or None")
    if len(answer) > MESSAGE_BYTES:
        raise too_large(len(answer), MESSAGE_BYTES)
