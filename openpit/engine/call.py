"""One call into an engine that has custom policies: what their contexts look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from openpit.core.mutation import Mutation

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.pretrade.effects import Finalizer
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["DropCopyCall", "EngineCall"]

_new = object.__new__


class Ledger(Protocol):
    """Whose groups and blocks a call looks at: the engine's registry."""

    groups: dict[int | None, int]
    is_replaying: bool

    def block(self, account: int, cause: AccountBlock) -> None:
        """Block an account; the first cause stays."""


class EngineCall:
    """The account of a call, its group as first seen, and the way to block it."""

    __slots__ = ("_group", "_registry", "account")

    is_drop_copy = False

    def __init__(self, registry: Ledger, account: int | None) -> None:
        self._registry = registry
        self.account = account
        # Resolved once, before the first callback: policies of one request see one group, even
        # where the membership changes between its two stages.
        self._group = registry.groups.get(account) if registry.groups else None

    @staticmethod
    def of(registry: Ledger, account: int | None, group: int | None) -> EngineCall:
        """Return the call of an account that had this group when it began."""
        call: EngineCall = _new(EngineCall)
        call._registry = registry
        call.account = account
        call._group = group
        return call

    @property
    def is_replaying(self) -> bool:
        """Whether the call is told again out of a journal."""
        return self._registry.is_replaying

    def group(self) -> int | None:
        """Return the account's group at the start of the call, None for the default group."""
        return self._group

    def block(self, cause: AccountBlock) -> None:
        """Block the account at once; the first cause stays."""
        if self.account is not None:
            self._registry.block(self.account, cause)

    def record_drop_copy_start_mutation(self, mutation: Finalizer) -> None:
        """Refuse: this call is no drop copy."""
        raise RuntimeError("context is not an active drop-copy operation")


class DropCopyCall(EngineCall):
    """A call that records an order which the venue has already."""

    __slots__ = ("active", "requested_block", "start_mutations")

    is_drop_copy = True

    def __init__(self, registry: Ledger, account: int | None) -> None:
        super().__init__(registry, account)
        self.active = True
        self.requested_block: AccountBlock | None = None
        self.start_mutations: list[Finalizer] = []

    def block(self, cause: AccountBlock) -> None:
        """Ask for a block; once the call is over, block at once."""
        if self.active:
            self.request_block(cause)
        else:
            super().block(cause)

    def request_block(self, cause: AccountBlock | None) -> None:
        """Keep the first request: it is recorded when the drop copy succeeds, else dropped."""
        if self.requested_block is None:
            self.requested_block = cause

    def record_drop_copy_start_mutation(self, mutation: Finalizer) -> None:
        """Keep a mutation: first to commit, last to roll back."""
        if not self.active:
            super().record_drop_copy_start_mutation(mutation)
        # Captured now: a later change of the policy's own object has no effect.
        commit = cast("Callable[[], None]", mutation.commit)
        rollback = cast("Callable[[], None]", mutation.rollback)
        self.start_mutations.append(Mutation(commit, rollback))
