"""The pipeline of a dry run: the answer that an order would get, with nothing recorded.

Mutations that a policy answers with are let go of, neither committed nor
rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.engine.answers import DryRun
from openpit.pretrade.rejects import first_block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.core.order import Order
    from openpit.engine.call import EngineCall
    from openpit.engine.finalize import Finisher
    from openpit.pretrade.effects import Effects, GeneralEffects
    from openpit.pretrade.policy_contract import PolicyCall
    from openpit.pretrade.rejects import Reject

    StartPeek = Callable[[Order, int, PolicyCall | None], list[Reject] | None]
    MainPeek = Callable[[Order, int, PolicyCall | None], Effects | None]

__all__ = ["DryRuns"]


class DryRuns:
    """The hooks that answer dry runs, and how they are asked."""

    __slots__ = ("_main_peeks", "_start_peeks")

    def __init__(
        self, start_peeks: Sequence[StartPeek], main_peeks: Sequence[tuple[MainPeek, int]]
    ) -> None:
        self._start_peeks = tuple(start_peeks)
        self._main_peeks = tuple(main_peeks)

    def answer(
        self,
        finisher: Finisher,
        order: Order,
        now: int,
        call: EngineCall | None,
        *,
        with_main_stage: bool,
    ) -> DryRun:
        """Ask the policies about an order; raise the first exception of one of them."""
        outcome = finisher.effects()
        rejects = self._start(outcome, order, now, call)
        if with_main_stage and not rejects:
            rejects = self._main(outcome, order, now, call)
        outcome.rejects = rejects
        return DryRun(outcome, first_block(rejects))

    def _start(
        self, outcome: GeneralEffects, order: Order, now: int, call: EngineCall | None
    ) -> Sequence[Reject]:
        rejects: list[Reject] = []
        for peek in self._start_peeks:
            try:
                rejects += peek(order, now, call) or ()
            except BaseException as error:  # noqa: BLE001 - the other policies are asked, too
                outcome.fail(error)
        outcome.raise_failure()
        return rejects

    def _main(
        self, outcome: GeneralEffects, order: Order, now: int, call: EngineCall | None
    ) -> Sequence[Reject]:
        for peek, group_id in self._main_peeks:
            try:
                verdict = peek(order, now, call)
            except BaseException as error:  # noqa: BLE001 - the other policies are asked, too
                outcome.fail(error)
                continue
            if verdict is not None:
                outcome.add(verdict, group_id)
        outcome.raise_failure()
        return outcome.rejects
