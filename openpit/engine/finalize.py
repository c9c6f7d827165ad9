"""Running what the fate of a reservation decides, and keeping it until then.

Commits run in registration order, rollbacks in reverse; all of them run; the first failure is
raised and arms the engine-wide block.

An exception that is kept and raised later is let go of in the same breath: its traceback holds the
frame, and a frame that held the exception would keep the caller's handles alive until the garbage
collector came by.

A signal's handler may raise between any two steps, as ^C does, and no order may stay held for that.
CPython lets handlers run where a function begins, where a loop goes round and after a call, but not
between two plain stores. So mutations leave their effects with the store that makes somebody
responsible for them, and whoever is interrupted asks once more: what has left is not run twice. A
built-in finaliser may be called again after an interrupt; a callback never is.

What a handler raises where a loop goes round may pass by all the ``except``, ``finally`` and
``with`` around that loop in its own function (CPython issue 130279), but not by those of its
caller. So nothing that has to be put right stands around a loop: the loop is a function.
"""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar
from weakref import WeakSet

from openpit.core.mutation import Mutation
from openpit.pretrade.effects import ITSELF, NOT_COUNTED, BuiltinFinalizer, Effects, GeneralEffects

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from contextlib import AbstractContextManager
    from threading import RLock

    from openpit.engine.registry import AccountRegistry
    from openpit.pretrade.effects import Finalizer

__all__ = ["Finisher"]

_NO_LOCK: Final[AbstractContextManager[object]] = nullcontext()
_WITHOUT_WAITING: Final = (False,)

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Request = TypeVar("_Request", bound="Hashable")


class Finisher:
    """Commits and rolls back mutations for one engine; outlives the engine with its handles.

    A handle may be collected at any allocation, also in the middle of a policy's arithmetic or in
    another thread. So a dropped handle only queues its effects while the engine is busy, and they
    are rolled back at the next safe point: between calls, or when a custom policy gets its turn.
    """

    __slots__ = ("_registry", "busy", "dropped", "lock", "opened", "requests")

    def __init__(self, registry: AccountRegistry, lock: RLock | None) -> None:
        self._registry = registry
        self.lock = lock
        self.busy = False
        self.dropped: deque[Effects] = deque()
        # How many wait for a commit or a rollback, by the keys of those that do.
        self.opened: dict[Hashable, int] = {}
        self.requests: WeakSet[Hashable] = WeakSet()  # that wait for their main stage

    def effects(self, mutations: Sequence[Finalizer] = ()) -> GeneralEffects:
        """Return effects of this engine's that come to these mutations."""
        effects = GeneralEffects(None, mutations)
        effects.finisher = self
        return effects

    def merged(self, heard: Sequence[tuple[Effects, int]]) -> GeneralEffects:
        """Return what policies said, in their order, each with its group id."""
        effects = self.effects()
        for said, group_id in heard:
            effects.add(said, group_id)
        return effects

    def taken(self, said: Effects, group_id: int) -> Effects:
        """Return what one policy said as what an order comes to: the same object, and no copy."""
        said.finisher = self
        said.group_id = group_id
        return said

    def count_in(self, effects: Effects, key: Hashable) -> None:
        """Count effects that are open now: under their account, a drop copy's in a tuple."""
        effects.key = key
        self.opened[key] = self.opened.get(key, 0) + 1

    def waiting(self, request: _Request) -> _Request:
        """Return a request, which counts until nobody has it."""
        self.requests.add(request)
        return request

    def commit(self, effects: Effects) -> None:
        """Take the mutations and run their commits in order; raise the first failure."""
        key = effects.key
        if key is not NOT_COUNTED:  # twice, here and below: a call would cost 4 % of an order
            effects.key = NOT_COUNTED
            left = self.opened.pop(key, 1) - 1
            if left:
                self.opened[key] = left
        mutations = effects.mutations
        if mutations is ITSELF:
            effects.mutations = ()
            return
        if len(mutations) == 1:
            # Most often it is one callback, called between two calls of the engine, or one built-in
            # policy's, which leaves when it is done, and may be done again.
            mutation = mutations[0]
            if type(mutation) is Mutation:
                if not self.busy:
                    effects.mutations = ()
                    try:
                        mutation.commit()
                    except BaseException:
                        self._registry.arm_finalizer_failure()
                        raise
                    return
            elif isinstance(mutation, BuiltinFinalizer):
                was_busy, self.busy = self.busy, True
                try:
                    mutation.commit()
                    effects.mutations = ()
                finally:
                    self.busy = was_busy
                return
        self._run(effects, rolls_back=False)

    def rollback(self, effects: Effects) -> None:
        """Take the mutations and run their rollbacks in reverse; raise the first failure."""
        key = effects.key
        if key is not NOT_COUNTED:  # as above
            effects.key = NOT_COUNTED
            left = self.opened.pop(key, 1) - 1
            if left:
                self.opened[key] = left
        mutations = effects.mutations
        if mutations is ITSELF:
            was_busy, self.busy = self.busy, True
            try:
                effects.give_back()
            finally:
                self.busy = was_busy
            return
        if len(mutations) == 1 and isinstance(mutations[0], BuiltinFinalizer):
            # It leaves when it is done, and may be done again.
            was_busy, self.busy = self.busy, True
            try:
                mutations[0].rollback()
                effects.mutations = ()
            finally:
                self.busy = was_busy
            return
        self._run(effects, rolls_back=True)

    def _run(self, effects: Effects, *, rolls_back: bool) -> None:
        pending = [*effects.mutations]
        run = _Run(self, pending, rolls_back=rolls_back)
        was_busy = self.busy
        effects.mutations = pending  # they leave one by one
        try:
            run.to_the_end()
        finally:
            self.busy = was_busy
        if run.has_failed:
            self._registry.arm_finalizer_failure()
        failure, run.failure = run.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None

    def settle_drop(self, effects: Effects) -> None:
        """Settle after a handle that nobody holds any more has queued its effects.

        Without a lock only the thread that made the handle may touch the engine, and a cycle of
        garbage may be collected in any: then the engine's next call settles.
        """
        # A finaliser has nobody to tell; late at the interpreter's end, even names are gone.
        try:
            if not effects.thread or effects.thread == get_ident():
                self.settle()
        except BaseException:  # noqa: BLE001, S110 - as above
            pass

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

        A failing callback arms the engine-wide block; its exception has nobody left to go to, but
        for ^C and its like, which whoever makes this call gets.
        Whoever takes the engine's lock calls this once more after letting go of it: another thread
        may have dropped a handle meanwhile, and cannot wait in a finaliser.
        """
        lock = self.lock
        while self.dropped and not self.busy:
            if lock is not None and not _taken(lock):
                return  # the thread that is inside the engine settles when it leaves
            try:
                if self.dropped and not self.busy:
                    effects = self.dropped[0]
                    del self.dropped[0]
                    try:
                        self.rollback(effects)
                    except BaseException as error:
                        with suppress(BaseException):
                            self.rollback(effects)
                        if not isinstance(error, Exception):
                            raise  # ^C is for whoever makes this call
            finally:
                if lock is not None:
                    lock.release()


class _Run:
    """Mutations on their way to be committed or rolled back; each leaves the list for that."""

    __slots__ = ("_finisher", "_interrupted_at", "_pending", "_rolls_back", "failure", "has_failed")

    def __init__(self, finisher: Finisher, pending: list[Finalizer], *, rolls_back: bool) -> None:
        self._finisher = finisher
        self._pending = pending
        self._rolls_back = rolls_back
        self._interrupted_at = -1
        self.failure: BaseException | None = None
        self.has_failed = False

    def to_the_end(self) -> None:
        """Run all of them, also past ^C."""
        try:
            self._go_on()
        except BaseException as error:  # noqa: BLE001 - kept in `failure`
            left = len(self._pending)
            if left and left == self._interrupted_at:
                del self._pending[-1 if self._rolls_back else 0]  # twice: it cannot be done
                self.has_failed = True
            self._interrupted_at = left
            self._keep(error)
            self.to_the_end()

    def _go_on(self) -> None:
        finisher = self._finisher
        pending = self._pending
        rolls_back = self._rolls_back
        at = -1 if rolls_back else 0
        while pending:
            mutation = pending[at]
            if isinstance(mutation, BuiltinFinalizer):
                finisher.busy = True
                if rolls_back:
                    mutation.rollback()
                else:
                    mutation.commit()
                del pending[at]
                continue
            finisher.busy = False  # a callback is a safe point
            del pending[at]
            try:
                if rolls_back:
                    mutation.rollback()
                else:
                    mutation.commit()
            except BaseException as error:  # noqa: BLE001 - the others run
                self.has_failed = True
                self._keep(error)

    def _keep(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error


def _taken(lock: RLock) -> bool:
    """Take a lock if nobody else has it.

    Not by a plain call: behind that one, Python would run a signal's handler, and if it raised
    nobody would know that the lock is taken. An iterator is asked without a look at signals.
    """
    return True in map(lock.acquire, _WITHOUT_WAITING)
