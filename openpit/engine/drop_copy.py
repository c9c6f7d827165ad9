"""The pipeline of a drop copy: an order that the venue has already is recorded, not judged.

Ordinary rejects do not stop it; a policy that could not evaluate the
order does, and then everything is rolled back and nobody is blocked.
"""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING

from openpit.engine.answers import Recorded
from openpit.pretrade.codes import EVALUATION_FAILURES
from openpit.pretrade.rejects import first_block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.core.order import Order
    from openpit.engine.call import DropCopyCall
    from openpit.engine.finalize import Finisher
    from openpit.engine.registry import AccountRegistry
    from openpit.pretrade.effects import Effects, GeneralEffects
    from openpit.pretrade.policy_contract import PolicyCall
    from openpit.pretrade.rejects import Reject

    StartCheck = Callable[[Order, int, PolicyCall | None], list[Reject] | None]
    MainCheck = Callable[[Order, int, PolicyCall | None], Effects | None]

__all__ = ["DropCopies"]


class DropCopies:
    """The hooks that take part in drop copies, and how they are asked."""

    __slots__ = ("_main_checks", "_start_checks")

    def __init__(
        self, start_checks: Sequence[StartCheck], main_checks: Sequence[tuple[MainCheck, int]]
    ) -> None:
        self._start_checks = tuple(start_checks)
        self._main_checks = tuple(main_checks)

    def record(
        self,
        finisher: Finisher,
        registry: AccountRegistry,
        order: Order,
        account: int,
        now: int,
        call: DropCopyCall,
    ) -> Recorded | Sequence[Reject]:
        """Record an order of this account; return rejects if it could not be evaluated."""
        effects = finisher.effects()
        effects.open = True
        effects.thread = get_ident() if finisher.lock is None else 0
        try:
            return self._record(finisher, effects, registry, order, account, now, call)
        except BaseException:
            # Unless it comes from the policies and all is undone, a signal's handler has raised.
            _collect(effects, call)
            with suppress(BaseException):
                effects.rollback()
            raise

    def _record(
        self,
        finisher: Finisher,
        effects: GeneralEffects,
        registry: AccountRegistry,
        order: Order,
        account: int,
        now: int,
        call: DropCopyCall,
    ) -> Recorded | Sequence[Reject]:
        failed = self._start(effects, order, now, call)
        if not failed and effects.failure is None:
            failed = self._main(effects, order, now, call)
        _collect(effects, call)
        if failed or effects.failure is not None:
            effects.undo()
            return failed
        if call.requested_block is not None:
            registry.block(account, call.requested_block)
        if effects.mutations:
            finisher.count_in(effects, (account,))
        return Recorded(effects, call.requested_block, registry.check(account) is not None)

    def _start(
        self, effects: GeneralEffects, order: Order, now: int, call: DropCopyCall
    ) -> list[Reject]:
        started: list[Reject] = []
        for check in self._start_checks:
            try:
                found = check(order, now, call)
            except BaseException as error:  # noqa: BLE001 - the other policies still record
                effects.fail(error)
                continue
            if found:
                call.request_block(first_block(found))
                started += found
        return [reject for reject in started if reject.code in EVALUATION_FAILURES]

    def _main(
        self, effects: GeneralEffects, order: Order, now: int, call: DropCopyCall
    ) -> list[Reject]:
        for check, group_id in self._main_checks:
            try:
                verdict = check(order, now, call)
            except BaseException as error:  # noqa: BLE001 - the other policies still record
                effects.fail(error)
                continue
            if verdict is not None:
                try:
                    call.request_block(first_block(verdict.rejects or ()))
                    effects.add(verdict, group_id, keep_rejected=True)
                except BaseException:
                    effects.include(verdict)
                    raise
        return [reject for reject in effects.rejects if reject.code in EVALUATION_FAILURES]


def _collect(effects: Effects, call: DropCopyCall) -> None:
    """Put the mutations of the start stage before the others; it is over then."""
    if call.active:
        call.active = False
        effects.mutations = [*call.start_mutations, *effects.mutations]
