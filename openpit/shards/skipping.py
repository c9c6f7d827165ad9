"""A command that is skipped: what it was to end is over all the same, and nothing else is done.

Each worker that came to it has ended, by a callback of a custom policy as a rule. Such a callback
counts as one that raises: the others of its reservation run, what built-in policies hold is let go
of or used, and the engine-wide block is armed. Else what nobody can name any more would be held for
ever.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import CommandSkipped, WireError
from openpit.pretrade.effects import ITSELF, BuiltinFinalizer, Effects
from openpit.shards.intake import read_ending
from openpit.shards.left_open import let_go_before
from openpit.wire import kinds
from openpit.wire.frames import Op, messages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.pretrade.effects import Finalizer
    from openpit.shards.endings import Endings
    from openpit.shards.expiry import Expiry
    from openpit.shards.held import Held, Open, OpenOne
    from openpit.shards.plain_holds import PlainHolds
    from openpit.shards.raised_log import RaisedLog

__all__ = ["Skipping"]

Command = tuple[Any, ...]

_ONE: Final = frozenset({kinds.COMMIT, kinds.ROLLBACK, kinds.EXECUTE_REQUEST})


class _LeftOut:
    """In place of a policy's callbacks: nobody knows which of them ends its worker."""

    __slots__ = ("_shard",)

    def __init__(self, shard: int) -> None:
        self._shard: Final = shard

    def commit(self) -> None:
        """Fail, as the callback would have if it could."""
        raise CommandSkipped(f"shard {self._shard}: a callback that ends its worker", self._shard)

    rollback = commit


class Skipping:
    """Ends what commands of one shard were to end, without the callbacks of custom policies."""

    __slots__ = ("_endings", "_expiry", "_handlers", "_held", "_left_out")

    def __init__(
        self,
        shard: int,
        held: Held,
        expiry: Expiry,
        endings: Endings,
        raised: RaisedLog,
        plain: PlainHolds,
    ) -> None:
        self._held: Final = held
        self._expiry: Final = expiry
        self._endings: Final = endings
        self._handlers: Final[dict[int, Callable[[int, Command, int], object]]] = {
            kinds.COMMIT: endings.commit,
            kinds.ROLLBACK: endings.rollback,
            kinds.COMMIT_MANY: endings.commit_many,
            kinds.ROLLBACK_MANY: endings.rollback_many,
            kinds.DROP: endings.drop,
            kinds.DROP_LEFT: lambda _, command, __: let_go_before(
                endings.open, command[2], raised, plain
            ),
            kinds.EXECUTE_REQUEST: lambda _, command, __: endings.let_go(command[2]),
        }
        self._left_out: Final[Finalizer] = _LeftOut(shard)

    def end(self, op: int, client: int, now: int, body: bytes) -> None:
        """End what a batch would have; ``op`` says what it was, ``body`` what a client had put in.

        What had been open for too long by then was to end before it, and is over as well.
        """
        for handle in self._expiry.due_by(now):
            self._leave_out([its.get(handle) for _, its in self._held.items()])
        its = self._endings.open = self._held.of(client)
        if op == Op.END:
            self._leave_out(its.values())
            self._held.end(client)
        elif op == Op.MESSAGES and body:
            for command in _endings_in(body):
                self._end_by(command, its, now)

    def _end_by(self, command: Command, its: Open, now: int) -> None:
        kind = command[0]
        if kind in _ONE:
            handles: Iterable[int] = command[2:3]
        elif kind == kinds.DROP_LEFT:
            handles = [handle for handle in its if handle < command[2]]
        else:
            handles = command[2]
        self._leave_out([its.get(handle) for handle in handles])
        with suppress(Exception):  # what is left out raises
            self._handlers[kind](0, command, now)

    def _leave_out(self, held: Iterable[OpenOne | None]) -> None:
        for one in held:
            if isinstance(one, Effects) and one.mutations is not ITSELF:  # a built-in policy's
                one.mutations = [
                    each if isinstance(each, BuiltinFinalizer) else self._left_out
                    for each in one.mutations
                ]


def _endings_in(body: bytes) -> list[Command]:
    """Return the commands of a body that end something; none where it cannot be read."""
    try:
        return [*filter(None, map(read_ending, messages_of(body)))]
    except WireError:
        return []
