"""What policies say of an order, and what the order's fate decides."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from threading import RLock

    from openpit.pretrade.outcomes import GroupRow, OutcomeRow
    from openpit.pretrade.rejects import Reject

__all__ = [
    "ITSELF",
    "NOT_COUNTED",
    "ROLLING_BACK",
    "BuiltinFinalizer",
    "Effects",
    "Finalizer",
    "GeneralEffects",
    "Keeper",
]


class Finalizer(Protocol):
    """Something that the fate of a reservation decides."""

    @property
    def commit(self) -> Callable[[], object]:
        """To be called when the order went to the venue."""

    @property
    def rollback(self) -> Callable[[], object]:
        """To be called when it did not."""


class BuiltinFinalizer:
    """Base of what a built-in policy has to undo: arithmetic that nothing may interrupt."""

    __slots__ = ()


class Keeper(Protocol):
    """Who finalises an order's effects: the engine."""

    dropped: deque[Effects]
    lock: RLock | None

    def commit(self, effects: Effects) -> None:
        """Run the commits; raise the first failure."""

    def rollback(self, effects: Effects) -> None:
        """Run the rollbacks in reverse; raise the first failure."""

    def settle_drop(self, effects: Effects) -> None:
        """Roll back what a handle that nobody holds any more has queued, as soon as it may be."""

    def settle(self) -> None:
        """Roll back what is queued, unless the engine is busy."""


NOT_COUNTED: Final = object()
"""The key of effects that are not open, or hold nothing."""

ROLLING_BACK: Final = "rolling back"
"""In place of a true ``open``: somebody has asked for it, and it may have to be asked for again."""

ITSELF: Final[tuple[Any, ...]] = (None,)
"""In place of mutations or rows: the effects are these themselves, see :meth:`Effects.give_back`.

A tuple with the effects in it would be one object more for each open order, and a cycle.
"""


_NO_SLOTS: Final[tuple[str, ...]] = ()
"""By a name, by which no type checker takes it that kinds of effects have no slots either."""


class Effects:
    """What a policy says of an order in the main stage, or several of them, and what it changed.

    The engine takes a policy's own for the order's, and merges those of several in their order.
    ``open`` is set while what they hold is to be rolled back when nobody has them any more. Many
    stay open at a time. So a program's handle of them is this same object, of a class that
    :mod:`openpit.faces.handles` has for each kind; what more they come to is told when it is asked
    for; what few have is kept by :class:`GeneralEffects`; and each kind has slots of its own.

    ``failure`` is for an answer that cannot be read: its mutations, as far as they could be, are
    rolled back with the others before it is raised. ``own_rows`` that are true are at least one,
    and can be gone through again until something is rolled back. A single price may stand for
    itself in ``own_prices``, as long as there are rows: most policies lock no more than that.

    A built-in policy with one thing to undo derives from this class, and gives :data:`ITSELF` as
    mutations, and as rows if it can be gone through. To the engine it leaves ``finisher``,
    ``group_id`` where that is not zero, ``thread`` and ``open``.
    """

    __slots__ = _NO_SLOTS

    finisher: Keeper
    group_id: int
    """Of the first policy that has any rows or prices; the others' follow in ``more``."""
    key: Hashable
    """Under which they are counted while they are open; see ``EngineCore.account_row()``."""
    mutations: Sequence[Finalizer]
    open: bool | Literal["rolling back"]
    origin: tuple[Any, Any]
    """Set by a shard that has to tell it again: its command or order, and what was answered."""
    thread: int
    """The only thread that may finalise, 0 for any; see ``Finisher.settle_drop()``."""

    rejects: Sequence[Reject] = ()
    failure: BaseException | None = None
    own_rows: Iterable[OutcomeRow] = ()
    own_prices: Sequence[Decimal] | Decimal = ()
    more: list[tuple[int, Iterable[OutcomeRow], Sequence[Decimal] | Decimal]] | None = None

    @property
    def finalizers(self) -> Sequence[Finalizer]:
        """The mutations, one by one."""
        return (self,) if self.mutations is ITSELF else self.mutations

    def _finalizers_of(self, said: Effects) -> Sequence[Finalizer]:
        """Return what there is to finalise of a policy's said; it may be that object itself."""
        if said.mutations is ITSELF:
            said.finisher, said.key = self.finisher, NOT_COUNTED
        return said.finalizers

    def told_rows(self) -> Iterable[OutcomeRow]:
        """Return the outcomes of the first policy that has any, or of the only one."""
        return self.own_rows

    def give_back(self) -> None:
        """Undo what these effects hold themselves, and leave no mutations.

        To be called again where an interrupt comes. There is nothing to do for a commit.
        """

    @property
    def rows(self) -> list[GroupRow]:
        """What the policies changed, each with the policy's group id."""
        group_id = self.group_id
        rows = [(group_id, row) for row in self.told_rows()]
        for group_id, more, _ in self.more or ():
            rows += [(group_id, row) for row in more]
        return rows

    @property
    def lock_groups(self) -> dict[int, list[Decimal]] | None:
        """The prices to lock by group id, in lists of the caller's own; None for none."""
        if self.more is None and isinstance(self.own_prices, Decimal):
            return {self.group_id: [self.own_prices]}
        groups: dict[int, list[Decimal]] = {}
        first = self.group_id, self.own_rows, self.own_prices
        for group_id, _, prices in (first, *(self.more or ())):
            if isinstance(prices, Decimal):
                groups.setdefault(group_id, []).append(prices)
            elif prices:
                groups.setdefault(group_id, []).extend(prices)
        return groups or None

    def forget_traces(self) -> None:
        """Let go of rows and prices that have been told: nobody asks for them again."""

    def include_all(self, heard: Sequence[tuple[Effects, int]]) -> None:
        """Take the mutations of saids that may not have been added yet."""
        for said, _ in heard:
            self.include(said)

    def include(self, said: Effects) -> None:
        """Take the mutations of a said that may not have been added yet."""
        if said is self or not said.mutations:
            return
        finalizers = self._finalizers_of(said)
        last = finalizers[-1]
        if not any(mutation is last for mutation in self.mutations):
            self.mutations = [*self.mutations, *finalizers]

    def commit(self) -> None:
        """Run the commits; raise the first failure. Whoever asks, asks again where that raises."""
        self.open = False
        if self.mutations:
            self.finisher.commit(self)

    def rollback(self) -> None:
        """Run the rollbacks in reverse; raise the first failure. To be asked again as above."""
        self.finisher.rollback(self)

    def undo(self) -> None:
        """Run the rollbacks on the way to a refusal; a policy's own failure goes before theirs."""
        self.rollback()

    def __del__(self) -> None:
        try:
            is_waited_for = self.open and self.mutations
        except AttributeError:
            return  # an interrupt came as it was made
        if is_waited_for:
            self.open = False
            finisher = self.finisher
            finisher.dropped.append(self)  # before anything that could be interrupted
            finisher.settle_drop(self)


class GeneralEffects(Effects):
    """Effects of whatever kind, of one policy or of several."""

    __slots__ = (
        "failure",
        "finisher",
        "group_id",
        "key",
        "more",
        "mutations",
        "open",
        "origin",
        "own_prices",
        "own_rows",
        "rejects",
        "thread",
    )

    def __init__(
        self,
        rejects: Sequence[Reject] | None = None,
        mutations: Sequence[Finalizer] = (),
        rows: Iterable[OutcomeRow] = (),
        lock_prices: Sequence[Decimal] | Decimal = (),
        failure: BaseException | None = None,
    ) -> None:
        self.open = False
        self.key = NOT_COUNTED
        self.thread = 0
        self.failure = failure
        self.rejects = rejects or ()
        self.mutations = mutations
        self.group_id = 0
        self.own_rows = rows
        self.own_prices = lock_prices
        self.more = None

    def add(self, said: Effects, group_id: int, *, keep_rejected: bool = False) -> None:
        """Merge one policy's said; what a rejecting policy locks and reports is left out."""
        mutations = self._finalizers_of(said)
        if mutations:
            # Most orders meet one policy that has a say: its own sequence serves as it is.
            self.mutations = [*self.mutations, *mutations] if self.mutations else mutations
        if isinstance(said, GeneralEffects) and said.failure is not None:
            self.fail(said.failure)
            said.failure = None  # its traceback holds frames that hold the said
            return
        if said.rejects:
            self.rejects = [*self.rejects, *said.rejects]
            if not keep_rejected:
                return
        rows: Any = said if said.own_rows is ITSELF else said.own_rows
        prices = said.own_prices
        if not (rows or prices):
            return
        if not (self.own_rows or self.own_prices):
            self.group_id, self.own_rows, self.own_prices = group_id, rows, prices
        else:
            self.more = [*(self.more or ()), (group_id, rows, prices)]

    def forget_traces(self) -> None:
        """Let go of rows and prices that have been told: nobody asks for them again."""
        self.own_rows, self.own_prices, self.more = (), (), None

    def fail(self, error: BaseException) -> None:
        """Keep the first exception of a policy."""
        if self.failure is None:
            self.failure = error

    def raise_failure(self) -> None:
        """Raise what a policy raised, if anything."""
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None

    def undo(self) -> None:
        """Run the rollbacks on the way to a refusal; a policy's own failure goes before theirs."""
        try:
            self.rollback()
        except BaseException:
            if self.failure is None:
                raise
        self.raise_failure()
