"""What the engine's pipeline and a built-in policy ask of each other.

Built-in policies know nothing of the engine: they get an :class:`AccountsView` when the engine is
built and a :class:`PolicyCall` with each order, and answer with the plain records below. The engine
knows nothing of what a policy checks. Custom policies are fitted to this contract by the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from decimal import Decimal

    from openpit.account_adjustment import Adjustment
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.pretrade.account_state import AccountFigures
    from openpit.pretrade.alike_rejects import RefusedRuns
    from openpit.pretrade.effects import Effects, Finalizer
    from openpit.pretrade.outcomes import AccountPnlRow, OutcomeRow
    from openpit.pretrade.policies.tables import SettingsTable
    from openpit.pretrade.rejects import AccountBlock, Reject
    from openpit.pretrade.state_values import State

__all__ = [
    "AccountsView",
    "AdjustmentEffect",
    "BuiltinPolicy",
    "HeldRow",
    "ManyOrders",
    "OrderColumns",
    "PolicyCall",
    "ReportEffect",
    "overrides",
]


class AccountsView(Protocol):
    """What a policy may ask about accounts; ids are plain integers."""

    def group_of(self, account: int) -> int | None:
        """Return the account's group as it is now, None for the default group."""

    def currency_of(self, account: int) -> str | None:
        """Return the effective currency: account, its group, the default group, or None."""

    def currency_in(self, account: int, group: int | None) -> str | None:
        """Return what the effective currency is or was while the account belongs to ``group``."""

    def has_own_block(self, account: int) -> bool:
        """Tell whether the account itself has a block cause (groups and the engine aside)."""

    def block(self, account: int, cause: AccountBlock) -> None:
        """Block an account outside any answer, when a rollback fails; the first cause stays."""

    def owns(self, account: int, /) -> bool:
        """Tell whether the account is this engine's, and not that of another shard."""

    def known_accounts(self) -> Iterable[int]:
        """Return the accounts that have an explicit currency or a group membership."""


class PolicyCall(Protocol):
    """One call into the engine, as its policies see it."""

    @property
    def is_drop_copy(self) -> bool:
        """Whether it records an order that the venue has already."""


class OrderColumns(NamedTuple):
    """What many orders say, one column for each thing; none of them is by volume."""

    accounts: Sequence[int]
    settlements: Sequence[str | None]
    quantities: Sequence[Decimal | None]
    prices: Sequence[Decimal | None]


ManyOrders: TypeAlias = "Iterator[tuple[Any, ...]]"
"""Plain orders, one after another: account, underlying, settlement, side, quantity and price, and
the texts of these two."""

HeldRow: TypeAlias = tuple[Any, ...]
"""What a plain order holds.

The kind that its reader knows it by; account, policy group, underlying, settlement, whether it
buys; quantity and price, which may be texts; of the asset that it pays what is left and what is
held, and of the other one what is expected.
"""


class ReportEffect:
    """A policy's answer to an execution report; the state has changed already.

    Its rows come with a policy group id each: a custom policy may name another group than its own.
    """

    __slots__ = ("blocks", "pnls", "rows")

    def __init__(
        self,
        blocks: Sequence[AccountBlock] = (),
        pnls: Sequence[AccountPnlRow] = (),
        rows: Sequence[tuple[int, OutcomeRow]] = (),
    ) -> None:
        self.blocks = blocks
        self.pnls = pnls
        self.rows = rows


class AdjustmentEffect:
    """A policy's answer to one account adjustment; ``mutations`` undo it.

    ``failure`` as in :class:`Effects`.
    """

    __slots__ = ("blocks", "failure", "mutations", "rejects", "rows")

    def __init__(
        self,
        rejects: list[Reject] | None = None,
        mutations: Sequence[Finalizer] = (),
        rows: Sequence[OutcomeRow] = (),
        blocks: Sequence[AccountBlock] = (),
        failure: BaseException | None = None,
    ) -> None:
        self.failure = failure
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

    __slots__ = ()

    name: str
    group_id: int

    #: Whether :meth:`check_start` has a say about an order that the venue has already.
    checks_drop_copies = True

    def bind(self, accounts: AccountsView) -> None:
        """Set the engine's accounts; called once, when the engine is built."""

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        """Check an order in the start stage and count it."""

    def doubtful(self, orders: OrderColumns) -> Collection[int] | RefusedRuns | None:
        """Return the places of the orders of many that :meth:`check_start` has to be asked of.

        Runs of them say already what that would answer: one reject for each.

        It has nothing against the others, nor anything to keep of them; what they count for whoever
        counts for all shards has been supplied, and is counted by this. None where all have to be
        asked: where it cannot be told, or one is rejected in such a way that its account is blocked
        for those behind it.
        """
        return None

    def peek_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        """Answer as :meth:`check_start` would, and record nothing."""

    def check_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        """Check an order in the main stage and reserve what it needs."""

    @property
    def holds_plain(self) -> bool:
        """Whether any order can be plain, as the settings are now."""
        return False

    def hold_plain(self, orders: ManyOrders, kind: int, rows: list[HeldRow]) -> bool:
        """Do :meth:`check_main` of many orders up to one that is not plain; tell if there is one.

        To be called where ``holds_plain``. That one is taken from ``orders`` as well. What each of
        the others holds is added to ``rows``; each row begins with ``kind``.
        """
        return True

    def held_in(self, effects: Effects, kind: int) -> HeldRow | None:
        """Return what effects of :meth:`check_main` hold as such a row, None if it is no such."""
        return None

    def effects_of(self, row: HeldRow) -> Effects:
        """Return effects that hold what such a row does; the engine says whose they are."""
        raise NotImplementedError

    def peek_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        """Answer as :meth:`check_main` would, and record nothing."""

    def check_drop_copy(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        """Record an order that the venue has already: no limit is enforced."""

    def apply_report(
        self, report: ExecutionReport, now: int, call: PolicyCall | None
    ) -> ReportEffect | None:
        """Apply an execution report; what it changes is never rolled back."""

    def apply_adjustment(
        self, account: int, adjustment: Adjustment, now: int, call: PolicyCall | None
    ) -> AdjustmentEffect | None:
        """Apply one account adjustment."""

    def group_changed(self, account: int, old: int | None, new: int | None) -> AccountBlock | None:
        """Look again at an account whose group has just changed; None when nothing follows."""

    #: The table of its settings in a `limits.toml`, where it has settings at all.
    table_name: str = ""

    def settings_table(self) -> SettingsTable:
        """Return the settings in force."""
        return {}

    def figures_of(self, account: int) -> AccountFigures | None:
        """Return what the policy keeps of an account, None for nothing; it changes nothing."""

    # --- its state, for a snapshot (docs/snapshots.md) -------------------------------------------

    #: Whether :meth:`export_state` has all of its state.
    has_whole_state = True

    def export_state(self) -> State:
        """Return all that the policy keeps, its settings too, as plain values."""

    def restore_state(self, state: State) -> None:
        """Take over what another one has exported that was made alike."""

    def export_effect(self, effect: Finalizer) -> State:
        """Return what an order of this policy's has set aside; None: it is not this policy's."""

    def restore_effect(self, state: State) -> Finalizer:
        """Return what sets aside the same in this policy; nothing is set aside by that."""
        raise NotImplementedError


def overrides(policy: BuiltinPolicy, hook: str) -> bool:
    """Tell whether a policy has a hook of its own."""
    return getattr(type(policy), hook) is not getattr(BuiltinPolicy, hook)
