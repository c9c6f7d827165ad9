"""Running what the fate of a reservation decides, and keeping it until then.

Follows spec sections 5.3 and 5.4: commits run in registration order, rollbacks in reverse; all of
them run; the first failure is raised and arms the engine-wide block.

An exception that is kept and raised later is let go of in the same breath: its traceback holds the
frame, and a frame that held the exception would keep the caller's handles alive until the garbage
collector came by.
"""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext
from threading import get_ident
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from openpit.core.mutation import Mutation
from openpit.pretrade.runtime import BuiltinFinalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from decimal import Decimal
    from threading import RLock

    from openpit.engine.registry import AccountRegistry
    from openpit.pretrade.outcomes import GroupRow
    from openpit.pretrade.rejects import Reject
    from openpit.pretrade.runtime import Finalizer, Verdict

__all__ = ["Effects", "Finisher"]

_NO_LOCK: Final[AbstractContextManager[object]] = nullcontext()

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Finisher:
    """Commits and rolls back mutations for one engine; outlives the engine with its handles.

    A handle may be collected at any allocation, also in the middle of a policy's arithmetic or in
    another thread. So a dropped handle only queues its effects while the engine is busy, and they
    are rolled back at the next safe point: between calls, or when a custom policy gets its turn.
    """

    __slots__ = ("_registry", "busy", "dropped", "lock")

    def __init__(self, registry: AccountRegistry, lock: RLock | None) -> None:
        self._registry = registry
        self.lock = lock
        self.busy = False
        self.dropped: deque[Effects] = deque()

    def commit(self, mutations: Sequence[Finalizer]) -> None:
        """Run all commit callbacks in order; raise the first failure."""
        if not self.busy and len(mutations) == 1 and type(mutations[0]) is Mutation:
            # Most often it is one callback, called between two calls of the engine.
            try:
                mutations[0].commit()
            except BaseException:
                self._registry.arm_finalizer_failure()
                raise
            return
        failure: BaseException | None = None
        was_busy = self.busy
        try:
            for mutation in mutations:
                self.busy = isinstance(mutation, BuiltinFinalizer)  # a callback is a safe point
                try:
                    mutation.commit()
                except BaseException as error:  # noqa: BLE001 - the others run, also past ^C
                    failure = error if failure is None else failure
        finally:
            self.busy = was_busy
        if failure is not None:
            self._registry.arm_finalizer_failure()
            try:
                raise failure
            finally:
                failure = None

    def rollback(self, mutations: Sequence[Finalizer]) -> None:
        """Run all rollback callbacks in reverse order; raise the first failure."""
        failure: BaseException | None = None
        was_busy = self.busy
        try:
            for mutation in reversed(mutations):
                self.busy = isinstance(mutation, BuiltinFinalizer)
                try:
                    mutation.rollback()
                except BaseException as error:  # noqa: BLE001 - the others run, also past ^C
                    failure = error if failure is None else failure
        finally:
            self.busy = was_busy
        if failure is not None:
            self._registry.arm_finalizer_failure()
            try:
                raise failure
            finally:
                failure = None

    def drop(self, effects: Effects) -> None:
        """Take the effects of a handle that nobody holds any more.

        Without a lock only the thread that made the handle may touch the engine, and a cycle of
        garbage may be collected in any: then the engine's next call settles.
        """
        self.dropped.append(effects)
        if not effects.thread or effects.thread == get_ident():
            self.settle()

    def alone(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make an administrative call: one thread at a time, nothing rolled back in its midst."""
        try:
            with self.lock or _NO_LOCK:
                was_busy, self.busy = self.busy, True
                try:
                    return call(*args, **kwargs)
                finally:
                    self.busy = was_busy
        finally:
            self.settle()

    def settle(self) -> None:
        """Roll back what dropped handles left, unless the engine is busy: then it does so later.

        A failing callback arms the engine-wide block; its exception has nobody left to go to.
        Whoever takes the engine's lock calls this once more after letting go of it: another thread
        may have dropped a handle meanwhile, and cannot wait in a finaliser.
        """
        lock = self.lock
        while self.dropped and not self.busy:
            if lock is not None and not lock.acquire(blocking=False):
                return  # the thread that is inside the engine settles when it leaves
            try:
                if self.dropped and not self.busy:
                    effects = self.dropped.popleft()
                    try:
                        self.rollback(effects.mutations)
                    except BaseException:  # noqa: BLE001, S112 - see the docstring
                        continue
            finally:
                if lock is not None:
                    lock.release()


class Effects:
    """What the policies said of an order, merged in their order, and what it changed.

    Kept apart from the handle, so that the many orders that change nothing need no finaliser.
    ``open`` is set while a handle may still finalise it.
    """

    __slots__ = (
        "_finisher",
        "failure",
        "lock_groups",
        "mutations",
        "open",
        "rejects",
        "rows",
        "thread",
    )

    def __init__(self, finisher: Finisher, mutations: Sequence[Finalizer] = ()) -> None:
        self._finisher = finisher
        self.open = False
        # The only thread that may finalise, 0 for any; see Finisher.drop.
        self.thread = 0
        self.mutations = mutations
        self.rejects: Sequence[Reject] = ()
        self.failure: BaseException | None = None
        self.lock_groups: dict[int, list[Decimal]] | None = None
        self.rows: Sequence[GroupRow] = ()

    def add(self, verdict: Verdict, group_id: int, *, keep_rejected: bool = False) -> None:
        """Merge one policy's verdict; what a rejecting policy locks and reports is left out."""
        mutations = verdict.mutations
        if mutations:
            # Most orders meet one policy that has a say: its own sequence serves as it is.
            self.mutations = [*self.mutations, *mutations] if self.mutations else mutations
        if verdict.failure is not None:
            self.fail(verdict.failure)
            return
        if verdict.rejects:
            self.rejects = [*self.rejects, *verdict.rejects]
            if not keep_rejected:
                return
        if verdict.rows:
            rows = [(group_id, row) for row in verdict.rows]
            self.rows = [*self.rows, *rows] if self.rows else rows
        if verdict.lock_prices:
            if self.lock_groups is None:
                self.lock_groups = {group_id: [*verdict.lock_prices]}
            else:
                self.lock_groups.setdefault(group_id, []).extend(verdict.lock_prices)

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

    def commit(self) -> None:
        """Run the commits; raise the first failure."""
        self.open = False
        if self.mutations:
            self._finisher.commit(self.mutations)

    def rollback(self) -> None:
        """Run the rollbacks in reverse; raise the first failure."""
        self.open = False
        self._finisher.rollback(self.mutations)

    def undo(self) -> None:
        """Run the rollbacks on the way to a refusal; a policy's own failure goes before theirs."""
        try:
            self._finisher.rollback(self.mutations)
        except BaseException:
            if self.failure is None:
                raise
        self.raise_failure()

    def __del__(self) -> None:
        if self.open and self.mutations:
            self.open = False
            self._finisher.drop(self)
