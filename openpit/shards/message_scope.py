"""The engine as an actor has it while a message is in hand: for the message's account alone.

Results and handles are made above this room, by whatever engine class was handed in: here is what
they stand on. Orders of other accounts are denied, and so are those beyond what the message has
declared to count; everything else that is not the account's own raises. No clock but the message's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from openpit.core.order import account_of
from openpit.core.report import ensure_captured
from openpit.engine.answers import DryRun
from openpit.errors import ActorScopeError
from openpit.pretrade.effects import GeneralEffects
from openpit.pretrade.rejects import new_reject

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

__all__ = ["ACTOR", "MessageScope", "OpenHandle"]

_Answer = TypeVar("_Answer")

ACTOR: Final = "Actor"
"""The policy name in the rejects of orders that a message may not have checked."""


def _ignore(_error: BaseException, _account: object) -> None:
    """Tell nobody of what a rollback has raised that nobody waits for."""


class OpenHandle(Protocol):
    """What an actor holds of an order: a request, a reservation or a drop copy's operation."""

    account: int
    """Whose it is."""

    def end(self) -> None:
        """Roll back what it stands for; a failure arms the engine, and its scope is told."""


class MessageScope:
    """What one actor may do with the engine at the moment."""

    __slots__ = (
        "_execute", "_kept", "_open", "account", "actor", "clock", "core", "counts", "tallies",
        "unheard",
    )  # fmt: skip

    def __init__(
        self,
        actor: str,
        core: EngineCore,
        clock: ShardClock,
        counts: MessageCounts,
        tallies: Tallies,
    ) -> None:
        self.actor: Final = actor
        self.core: Final = core
        self._execute: Final = core.execute
        self.clock: Final = clock
        self.counts: Final = counts
        self.tallies: Final = tallies
        self.account: int | None = None  # of the message in hand; None between messages
        self.unheard: Callable[[BaseException, object], None] = _ignore
        self._open: dict[int, OpenHandle] = {}  # of the message in hand, by identity
        self._kept: dict[int, OpenHandle] = {}

    @property
    def keeps_any(self) -> bool:
        """Whether a handle is kept beyond its message."""
        return bool(self._kept)

    @property
    def kept(self) -> int:
        """How many are, between messages."""
        return len(self._kept)

    @property
    def message_account(self) -> int:
        """The account of the message in hand.

        Raises:
            ActorScopeError: there is none.
        """
        if self.account is None:
            raise self.refusal("an order")
        return self.account

    # --- messages --------------------------------------------------------------------------------

    def end(self, *, keeps: bool) -> None:
        """End the message in hand: what it has left open is rolled back, the last first.

        But for what was kept, if it ``keeps`` anything.
        """
        self.account = None
        left, self._open = self._open, {}
        for handle in reversed(left.values()):
            if not (keeps and id(handle) in self._kept):
                self._kept.pop(id(handle), None)
                handle.end()

    def close(self) -> None:
        """Roll back all that is kept, the last first."""
        self.end(keeps=False)
        while self._kept:
            _, handle = self._kept.popitem()
            handle.end()

    # --- handles ---------------------------------------------------------------------------------

    def add(self, handle: OpenHandle) -> None:
        """Have a handle that the message in hand has got end with it."""
        self._open[id(handle)] = handle
        self.tallies.opened += 1

    def keep(self, handle: OpenHandle) -> None:
        """Have a handle of the message in hand outlive it, until somebody ends it.

        Raises:
            ActorScopeError: it is another message's, or has ended.
        """
        key = id(handle)
        if key not in self._open and key not in self._kept:
            raise ActorScopeError(self.actor, "keep()", "a handle that is not of its message")
        self._kept[key] = handle

    def use(self, handle: OpenHandle, what: str) -> None:
        """Check that the message in hand may end a handle.

        Raises:
            ActorScopeError: it is of another account, or there is no message.
        """
        if handle.account != self.account:
            raise self.refusal(what, handle.account)

    def forget(self, handle: OpenHandle) -> None:
        """Record that a handle has ended."""
        self._open.pop(id(handle), None)
        self._kept.pop(id(handle), None)

    # --- whose -----------------------------------------------------------------------------------

    def check(self, what: str, account: int | None) -> None:
        """Check that something is the account's own that the message in hand is for.

        Raises:
            ActorScopeError: it is another's, or everybody's, or there is no message.
        """
        if account is None or account != self.account:
            raise self.refusal(what, account)

    def refusal(self, what: str, account: int | None = None) -> ActorScopeError:
        """Return the error of what is not for the message in hand."""
        if self.account is None:
            why = "there is no message in hand"
        elif account is None:
            why = f"it is of the whole engine, the message of account {self.account}"
        else:
            why = f"it is of account {account}, the message of account {self.account}"
        return ActorScopeError(self.actor, what, why)

    def _denial(self, reason: str, details: str) -> list[Reject]:
        details = f"actor {self.actor}: {details}"
        return [new_reject("SystemUnavailable", reason, details, ACTOR, "order")]

    def _strangers(self, account: int | None) -> list[Reject]:
        if self.account is None:
            raise self.refusal("an order")
        whose = "no account" if account is None else f"account {account}"
        return self._denial(
            "order is not of its message's account",
            f"an order of {whose} in a message of account {self.account}",
        )

    # --- orders ----------------------------------------------------------------------------------

    def execute(self, order: Order) -> Checked:
        """Run both stages."""
        rejects = self._unchecked(order)
        if rejects is not None:
            return rejects
        try:  # _counted() spelt out: the hot path of an actor
            return self._execute(order, self.clock.now)
        finally:
            self.counts.take()

    def start(self, order: Order) -> Started | Sequence[Reject]:
        """Run the start stage."""
        return self._counted(self.core.start, order)

    def execute_started(self, started: Started) -> Checked:
        """Run the main stage of an order that passed the other one."""
        return self.core.execute_started(started, self.clock.now)

    def drop_copy(self, order: Order) -> Recorded | Sequence[Reject]:
        """Record an order that the venue has already."""
        return self._counted(self.core.drop_copy, order, stops=False)

    def _counted(
        self, run: Callable[[Order, int], _Answer], order: Order, *, stops: bool = True
    ) -> _Answer | list[Reject]:
        rejects = self._unchecked(order, stops=stops)
        if rejects is not None:
            return rejects
        try:
            return run(order, self.clock.now)
        finally:
            self.counts.take()

    def _unchecked(self, order: Order, *, stops: bool = True) -> list[Reject] | None:
        """Return the rejects of an order that may not be checked; supply the counts of any other.

        Where a block ``stops`` it, it counts for nothing.
        """
        account = account_of(order)
        if account is None or account != self.account:
            return self._strangers(account)
        beyond = self.counts.supply(account, order._settlement_)
        if beyond is not None and not (stops and self._is_stopped(account)):
            return self._denial("order counts for more than its message may", beyond)
        return None

    def _is_stopped(self, account: int) -> bool:
        """Tell whether a block stops the account's orders, before any policy counts them."""
        return self.core.registry.check(account) is not None

    def dry_run(self, run: Callable[[Order, int], DryRun], order: Order) -> DryRun:
        """Answer as one of the stages, or both, would; record nothing."""
        rejects = self._unchecked(order)
        if rejects is None:
            return run(order, self.clock.now)
        return DryRun(GeneralEffects(rejects), None)

    # --- what comes back -------------------------------------------------------------------------

    def apply_report(self, report: ExecutionReport) -> Applied:
        """Apply a report of the message's account."""
        ensure_captured(report)
        if report._account_ != self.account or self.account is None:
            raise self.refusal("apply_execution_report()", report._account_)
        return self.core.apply_report(report, self.clock.now)

    def adjust(self, account: int, adjustments: list[Adjustment]) -> Adjusted:
        """Apply adjustments to the message's account."""
        self.check("apply_account_adjustment()", account)
        return self.core.apply_adjustment(account, adjustments, self.clock.now)

    def changed(self, method: str, arguments: Sequence[Any]) -> None:
        """Take note that a change of the message's account was made: by a method of accounts()."""
