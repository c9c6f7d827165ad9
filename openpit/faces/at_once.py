"""Orders that are committed as soon as they are accepted: without results and handles for them.

For flows of this package alone, whose orders nobody holds: what a result, a reservation and their
properties cost is a tenth of a replay. Of an engine for one thread; the caller tells the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.faces.handles import lock_of
from openpit.pretrade.effects import Effects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.core.lock import Lock
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.engine.answers import Applied
    from openpit.faces.embedded import Engine
    from openpit.pretrade.rejects import Reject

__all__ = ["AtOnce"]


class AtOnce:
    """An engine, as one sees it who commits all that is accepted, and never looks at outcomes.

    ``report`` applies an execution report at a time in nanoseconds; the first of what it returns
    are the blocks of its account.
    """

    __slots__ = ("_engine", "_execute", "report")

    report: Callable[[ExecutionReport, int], Applied]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine  # it is alive as long as somebody has it
        self._execute = engine._execute
        self.report = engine._core.apply_report

    def decide(self, order: Order, now: int) -> Sequence[Reject] | Lock | None:
        """Run both stages at a time in nanoseconds; commit the order, if it is accepted.

        Return its rejects, or the prices that it was reserved at: None if it reserves nothing.
        """
        answer = self._execute(order, now)
        if answer is None or not isinstance(answer, Effects):
            return answer
        lock = lock_of(answer)
        answer.open = False
        if answer.mutations:
            finisher = self._engine._core.finisher
            try:
                finisher.commit(answer)
            except BaseException:
                finisher.commit(answer)  # what an interrupt kept from running: finalize.py
                raise
        return lock
