"""What a shard has refused and changed last, for those who operate it: a part of its state.

A replay tells it again, and a snapshot has it, so whoever asks gets the same answer before a
recovery and after it. An order that is accepted costs nothing here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.pretrade.rejects import AccountBlock, block_row
from openpit.wire import kinds
from openpit.wire.roles import OF_METHOD, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.core.order import Order
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.alike_rejects import RefusedRun
    from openpit.shards.alike import AlikeOrders

    Command = tuple[Any, ...]

__all__ = ["BLOCKED_TOLD", "KEPT", "TEXT", "Recent"]

KEPT: Final = 64
"""How many refusals, and how many changes, a shard keeps: the last ones."""

BLOCKED_TOLD: Final = 256
"""How many blocked accounts a shard tells of: those with the lowest numbers."""

TEXT: Final = 300
"""Longest reason, details or arguments that are kept, in characters: policies may say anything."""

CAUSES: Final = 512
"""Of how many pairs of policy and code refusals are counted apart: policies may invent codes no
end; those beyond are counted together, under two empty texts."""

_ASKS: Final = frozenset({"can_register", "can_unregister"})
_Cause: TypeAlias = tuple[str, str]
_OTHERS: Final = ("", "")


class Recent:
    """The last refusals and changes of one shard, and how often it has refused for which cause.

    A refusal is its number from 1 on, the engine's time, the session (0 for the engine's own
    program), account, underlying and settlement asset, and its rejects: code, reason, details,
    policy, scope. A change is its number, time, session, account (None where it is everybody's),
    the method, and what it was called with, as text.
    """

    __slots__ = ("_counts", "_refusals", "changed", "changes", "refused")

    def __init__(self) -> None:
        self.refused = 0  # orders
        self.changed = 0
        # Number, time, session, whose the order is, rejects; or of a run of orders that of the
        # first, whose they are by columns, their numbers and their reject. Put together when
        # somebody asks.
        self._refusals: Final[deque[tuple[Any, ...]]] = deque(maxlen=KEPT)
        self.changes: Final[deque[tuple[Any, ...]]] = deque(maxlen=KEPT)
        self._counts: Final[dict[_Cause, int]] = {}

    def refuse(
        self, time: int, client: int, asked: Command | Order, rejects: Sequence[tuple[Any, ...]]
    ) -> None:
        """Note an order, as it came, that was refused for these reasons."""
        self.refused = number = self.refused + 1
        counts = self._counts
        for one in rejects:
            cause = one[3], one[0]
            if cause in counts:
                counts[cause] += 1
            else:
                self._count(cause, 1)
            if len(one[1]) > TEXT or len(one[2]) > TEXT:
                rejects = [(row[0], row[1][:TEXT], row[2][:TEXT], *row[3:]) for row in rejects]
        if isinstance(asked, tuple):
            whose = asked[1:4]
        else:
            whose = asked._account_, asked._underlying_, asked._settlement_
        self._refusals.append((number, time, client, whose, rejects))

    def refuse_alike(self, time: int, client: int, asked: AlikeOrders, run: RefusedRun) -> None:
        """Note a run of many orders, which were refused for one reason each."""
        first, numbers, reject = run
        orders = len(numbers)
        self.refused += orders
        self._count((reject.policy, reject.code), orders)
        kept = numbers[-KEPT:]
        if len(kept) == KEPT:
            self._refusals.clear()
        whose = asked.whose(first + orders - len(kept), first + orders)
        self._refusals.append((self.refused - len(kept) + 1, time, client, whose, kept, reject))

    def _count(self, cause: _Cause, orders: int) -> None:
        if cause not in self._counts and len(self._counts) >= CAUSES:
            cause = _OTHERS
        self._counts[cause] = self._counts.get(cause, 0) + orders

    def change(self, time: int, client: int, command: Command) -> None:
        """Note a command that has been carried out, if it is a change by an operator."""
        kind, account, *_ = command
        if kind == kinds.ADJUST:
            if not client:
                return  # the program's own, or a server's first funds
            said = "adjust", f"{len(command[2])} adjustments"
        elif kind == kinds.CONFIGURE:
            said = command[2], _settings_text(command[2], command[3])
        elif OF_METHOD[command[2]] < Role.ADMIN or command[2] in _ASKS:
            return
        else:
            arguments = command[3] if account is None else command[3][1:]
            said = command[2], ", ".join(map(_text, arguments))
        self.changed += 1
        self.changes.append((self.changed, time, client, account, said[0], said[1][:TEXT]))

    def told(self, engine: EngineCore, now: int) -> tuple[Any, ...]:
        """Return all of it as it travels, and which accounts are blocked.

        That is: the time; how many orders were refused, how often for each policy and code, the
        refusals; how many changes were made, and those; how many accounts are blocked, and
        some, with the causes.
        """
        blocks = engine.registry.blocks_told(BLOCKED_TOLD)
        return (
            now,
            *self.export(),
            engine.registry.blocked_accounts,
            tuple((account, *_cut(block_row(cause)[:4])) for account, cause in blocks),
        )

    def _rows(self) -> tuple[tuple[str, str, int], ...]:
        return tuple((*cause, count) for cause, count in sorted(self._counts.items()))

    def export(self) -> tuple[Any, ...]:
        """Return what a snapshot has of it."""
        return (
            self.refused,
            self._rows(),
            tuple(self._each())[-KEPT:],
            self.changed,
            tuple(self.changes),
        )

    def _each(self) -> Iterator[tuple[Any, ...]]:
        """Yield the refusals that are kept, and perhaps some older ones, as they are told."""
        for number, time, client, whose, *refused in self._refusals:
            if len(refused) == 1:
                (rejects,) = refused
                yield number, time, client, *whose, tuple(row[:5] for row in rejects)
                continue
            numbers, reject = refused
            for place, (one, its) in enumerate(zip(zip(*whose, strict=True), numbers, strict=True)):
                code, reason, details, *rest = reject.row(its)[:5]
                row = code, reason[:TEXT], details[:TEXT], *rest
                yield number + place, time, client, *one, (row,)

    def restore(self, state: Any) -> None:
        """Take over what :meth:`export` has returned."""
        self.refused, counts, refusals, self.changed, changes = state
        self._counts.update(((policy, code), count) for policy, code, count in counts)
        self._refusals.extend(
            (*row[:3], tuple(row[3:6]), tuple(map(tuple, row[6]))) for row in refusals
        )
        self.changes.extend(map(tuple, changes))


def _cut(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text[:TEXT] for text in texts)


def _settings_text(method: str, arguments: dict[str, Any]) -> str:
    if method == "apply_all":
        return ", ".join(name for name, _ in arguments["changes"])
    return str(arguments.get("name", ""))


def _text(value: Any) -> str:
    if isinstance(value, AccountBlock):
        return block_row(value)[2]
    if isinstance(value, list):
        return f"{len(value)} accounts"
    return str(value)
