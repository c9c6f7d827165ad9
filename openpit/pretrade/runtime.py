"""What the engine's pipeline and a built-in policy ask of each other.

Built-in policies know nothing of the engine: they get an :class:`AccountsView` when the engine is
built and a :class:`Call` with each order, and answer with the plain records below. The engine knows
nothing of what a policy checks. Custom policies are fitted to the same contract by the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from openpit.account_adjustment import Adjustment
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.pretrade.outcomes import AccountPnlRow, OutcomeRow
    from openpit.pretrade.rejects import AccountBlock, Reject

__all__ = [
    "AccountsView",
    "AdjustmentEffect",
    "BuiltinPolicy",
    "Call",
    "Finalizer",
    "ReportEffect",
    "Verdict",
]


class AccountsView(Protocol):
    """What a policy may ask about accounts; ids are plain integers."""

    def group_of(self, account: int) -> int | None:
        """Return the account's group as it is now, None for the default group."""

    def currency_of(self, account: int) -> str | None:
        """Return the effective currency: account, its group, the default group, or None."""

    def has_own_block(self, account: int) -> bool:
        """Tell whether the account itself has a block cause (groups and the engine aside)."""

    def known_accounts(self) -> Iterable[int]:
        """Return the accounts that have an explicit currency or a group membership."""


class Call(Protocol):
    """One call into the engine, as its policies see it."""

    account: int | None
    is_drop_copy: bool

    def group(self) -> int | None:
        """Return the account's group as it was when this call first asked for it."""

    def block(self, cause: AccountBlock) -> None:
        """Block the call's account at once; the first cause stays."""

    def record_drop_copy_start_mutation(self, mutation: Finalizer) -> None:
        """Keep a mutation of a drop copy's start stage; RuntimeError outside a drop copy."""


class Finalizer(Protocol):
    """Something that the fate of a reservation decides."""

    @property
    def commit(self) -> object:
        """Callable without arguments: the order went to the venue."""

    @property
    def rollback(self) -> object:
        """Callable without arguments: the order did not."""


class Verdict:
    """A policy's answer to the main stage: a reject, or what accepting changes."""

    __slots__ = ("lock_prices", "mutations", "rejects", "rows")

    def __init__(
        self,
        rejects: list[Reject] | None = None,
        mutations: Sequence[Finalizer] = (),
        rows: Sequence[OutcomeRow] = (),
        lock_prices: Sequence[Decimal] = (),
    ) -> None:
        self.rejects = rejects
        self.mutations = mutations
        self.rows = rows
        self.lock_prices = lock_prices


class ReportEffect:
    """A policy's answer to an execution report; the state has changed already."""

    __slots__ = ("blocks", "pnls", "rows")

    def __init__(
        self,
        blocks: Sequence[AccountBlock] = (),
        pnls: Sequence[AccountPnlRow] = (),
        rows: Sequence[OutcomeRow] = (),
    ) -> None:
        self.blocks = blocks
        self.pnls = pnls
        self.rows = rows


class AdjustmentEffect:
    """A policy's answer to one account adjustment; ``mutations`` undo it."""

    __slots__ = ("blocks", "mutations", "rejects", "rows")

    def __init__(
        self,
        rejects: list[Reject] | None = None,
        mutations: Sequence[Finalizer] = (),
        rows: Sequence[OutcomeRow] = (),
        blocks: Sequence[AccountBlock] = (),
    ) -> None:
        self.rejects = rejects
        self.mutations = mutations
        self.rows = rows
        self.blocks = blocks


class BuiltinPolicy:
    """Base of the built-in policies: every hook, each saying nothing.

    The engine calls only the hooks that a class overrides; a hook that returns None has nothing to
    say, which is the fast path. ``now`` is monotonic time in nanoseconds, read once per call.
    ``call`` is None when the engine has no custom policy.
    """

    name: str
    group_id: int

    def bind(self, accounts: AccountsView) -> None:
        """Take the engine's accounts; called once, when the engine is built."""

    def check_start(self, order: Order, now: int, call: Call | None) -> list[Reject] | None:
        """Check an order in the start stage and count it."""

    def peek_start(self, order: Order, now: int, call: Call | None) -> list[Reject] | None:
        """Answer as :meth:`check_start` would, and record nothing."""

    def check_main(self, order: Order, now: int, call: Call | None) -> Verdict | None:
        """Check an order in the main stage and reserve what it needs."""

    def peek_main(self, order: Order, now: int, call: Call | None) -> Verdict | None:
        """Answer as :meth:`check_main` would, and record nothing."""

    def check_drop_copy(self, order: Order, now: int, call: Call | None) -> Verdict | None:
        """Record an order that the venue has already: no limit is enforced."""

    def apply_report(
        self, report: ExecutionReport, now: int, call: Call | None
    ) -> ReportEffect | None:
        """Apply an execution report; what it changes is never rolled back."""

    def apply_adjustment(
        self, account: int, adjustment: Adjustment, now: int, call: Call | None
    ) -> AdjustmentEffect | None:
        """Apply one account adjustment."""

    def group_changed(self, account: int, old: int | None, new: int | None) -> AccountBlock | None:
        """Look again at an account whose group has just changed; None when nothing follows."""
