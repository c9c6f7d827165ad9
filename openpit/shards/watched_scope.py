"""What actors do for their messages, written down: for whoever tells a journal's past.

An actor's orders are in no command. They come again when its messages are received again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from openpit.shards.message_scope import MessageScope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.account_adjustment import Adjustment
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.engine.answers import Adjusted, Applied, Checked, Recorded, Started
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.rejects import Reject
    from openpit.shards.clock import ShardClock
    from openpit.shards.message_counts import MessageCounts
    from openpit.shards.tallies import Tallies

__all__ = ["Done", "WatchedScope"]

_Answer = TypeVar("_Answer")


class Done(NamedTuple):
    """One thing that an actor has done, or tried to."""

    what: str
    """``order``, ``start``, ``drop copy``, ``adjustment``, ``report``, ``change``."""
    account: int | None
    detail: Any
    """Of an adjustment, the adjustments; of a change, the method and its arguments."""
    answer: Any
    """As the engine gave it; None where it has raised."""
    raised: BaseException | None
    time: int


class WatchedScope(MessageScope):
    """A scope that says what was done in it: a list for each message, in ``told``."""

    __slots__ = ("_done", "_told")

    def __init__(
        self,
        actor: str,
        core: EngineCore,
        clock: ShardClock,
        counts: MessageCounts,
        tallies: Tallies,
        told: list[tuple[str, list[Done]]],
    ) -> None:
        super().__init__(actor, core, clock, counts, tallies)
        self._told: Final = told
        self._done: list[Done] = []

    def end(self, *, keeps: bool) -> None:
        """End the message in hand, and tell what was done for it."""
        if self.account is not None:
            self._told.append((self.actor, self._done))
            self._done = []
        super().end(keeps=keeps)

    def _note(
        self, what: str, account: int | None, detail: Any, run: Callable[[], _Answer]
    ) -> _Answer:
        """Call, and write down what came of it: at its place, before what that leads to."""
        place = len(self._done)
        answer: Any = None
        raised: BaseException | None = None
        try:
            answer = run()
        except BaseException as error:
            raised = error
            raise
        finally:
            done = Done(what, account, detail, answer, raised, self.clock.now)
            self._done.insert(place, done)
        return answer  # type: ignore[no-any-return]  # what was returned

    def execute(self, order: Order) -> Checked:
        """Run both stages."""
        return self._note("order", order._account_, None, lambda: MessageScope.execute(self, order))

    def start(self, order: Order) -> Started | Sequence[Reject]:
        """Run the start stage."""
        return self._note("start", order._account_, None, lambda: MessageScope.start(self, order))

    def execute_started(self, started: Started) -> Checked:
        """Run the main stage."""
        account = started.order._account_
        return self._note(
            "order", account, None, lambda: MessageScope.execute_started(self, started)
        )

    def drop_copy(self, order: Order) -> Recorded | Sequence[Reject]:
        """Record an order that the venue has already."""
        return self._note(
            "drop copy", order._account_, None, lambda: MessageScope.drop_copy(self, order)
        )

    def apply_report(self, report: ExecutionReport) -> Applied:
        """Apply a report."""
        return self._note(
            "report", self.account, None, lambda: MessageScope.apply_report(self, report)
        )

    def adjust(self, account: int, adjustments: list[Adjustment]) -> Adjusted:
        """Apply adjustments."""
        return self._note(
            "adjustment",
            account,
            adjustments,
            lambda: MessageScope.adjust(self, account, adjustments),
        )

    def changed(self, method: str, arguments: Sequence[Any]) -> None:
        """Take note of a change."""
        self._note("change", self.account, (method, arguments), lambda: None)
