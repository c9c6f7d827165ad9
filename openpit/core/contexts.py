"""The handles with which a policy's callbacks reach the call that they serve.

The engine builds each from its per-call state, of which this module knows only what
:class:`CallState` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, final

from openpit.core.opaque import Opaque
from openpit.param.ids import AccountGroupId, new_account_group_id
from openpit.param.refusals import not_an_instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.core.mutation import Mutation

__all__ = [
    "AccountAdjustmentContext",
    "AccountControl",
    "CallState",
    "Calls",
    "Cause",
    "Context",
    "PostTradeContext",
    "account_and_group",
    "new_account_adjustment_context",
    "new_context",
    "new_post_trade_context",
    "order_context",
    "order_context_of",
    "twin",
]

_new = object.__new__


class Cause(Protocol):
    """Why an account is blocked: an ``AccountBlock``, a class of a layer above."""

    @property
    def policy(self) -> str:
        """The policy that asks for the block."""

    @property
    def reason(self) -> str:
        """What an operator reads first."""

    @property
    def details(self) -> str:
        """The figures."""


class CallState(Protocol):
    """The engine's state of one call, as far as contexts show it."""

    @property
    def account(self) -> int | None:
        """The account that the call is about."""

    @property
    def is_drop_copy(self) -> bool:
        """Whether the call records an order that the venue has already."""

    @property
    def is_replaying(self) -> bool:
        """Whether the call is told again out of a journal."""

    @property
    def block(self) -> Callable[[Any], None]:
        """Block the call's account at once; the first cause stays."""

    @property
    def record_drop_copy_start_mutation(self) -> Callable[[Any], None]:
        """Keep a mutation of a drop copy's start stage; RuntimeError outside a drop copy."""

    def group(self) -> int | None:
        """Return the account's group as it was when this call first asked for it."""


class Calls(Protocol):
    """Where accounts have groups and blocks; makes the state of a call when it is asked for."""

    groups: dict[int | None, int]

    def call_of(self, account: int | None, group: int | None) -> CallState:
        """Return the state of a call of an account that had this group when it began."""


def _group_of(call: CallState) -> AccountGroupId | None:
    """Return the group of the call's account, None for the default group."""
    group = call.group()
    return None if group is None else new_account_group_id(group)


def _control_of(call: CallState) -> AccountControl | None:
    """Return a new control of the call's account, None when the call has no account."""
    return None if call.account is None else AccountControl._of(call)


class _CallHandle(Opaque):
    """A handle of one call."""

    __slots__ = ("_call",)

    _call: CallState


@final
class AccountControl(_CallHandle):
    """Blocks the account of the call that it was taken from, also after that call has ended."""

    __module__ = "openpit"
    __slots__ = ()

    @classmethod
    def _of(cls, call: CallState) -> AccountControl:
        self: AccountControl = _new(cls)
        self._call = call
        return self

    def block(self, block: Cause) -> None:
        """Block the account at once with the cause ``block``, an ``AccountBlock``.

        The first cause stays; neither a reject nor a rollback undoes it.

        Raises:
            TypeError: ``block`` is no ``AccountBlock``.
        """
        kind = block.__class__
        # Told by name: the class belongs to a layer above, and it has no subclasses.
        if kind.__name__ != "AccountBlock" or kind.__module__ != "openpit.pretrade":
            raise not_an_instance(block, "AccountBlock")
        self._call.block(block)


class _Context(_CallHandle):
    """What any callback may ask."""

    __slots__ = ("_now",)

    _now: int

    @classmethod
    def _of(cls, call: CallState, now: int) -> Self:
        self = _new(cls)
        self._call = call
        self._now = now
        return self

    @property
    def now(self) -> int:
        """The time of the call, in nanoseconds of the engine's clock.

        The only clock of a policy that is to decide the same when a journal is replayed.
        """
        return self._now

    @property
    def is_replaying(self) -> bool:
        """Whether the call is made again while a journal is replayed (``sharded(journal=...)``).

        It was answered before: what a policy does outside the engine it has done, or begun to.
        """
        return self._call.is_replaying


@final
class Context(Opaque):
    """What the callbacks of the two pre-trade stages may ask."""

    # Most callbacks ask nothing, so the state of an order's call is made when one does.
    __module__ = "openpit.pretrade"
    __slots__ = ("_account", "_call", "_calls", "_group", "_now")

    _account: int | None
    _call: CallState
    _calls: Calls
    _group: int | None
    _now: int

    @property
    def now(self) -> int:
        """The time of the call, in nanoseconds of the engine's clock; of each stage its own.

        The only clock of a policy that is to decide the same when a journal is replayed.
        """
        return self._now

    @property
    def is_replaying(self) -> bool:
        """Whether the call is made again while a journal is replayed (``sharded(journal=...)``).

        It was answered before: what a policy does outside the engine it has done, or begun to.
        """
        return _call_of(self).is_replaying

    @property
    def is_drop_copy(self) -> bool:
        """Whether the order is a drop copy: the venue has it already."""
        return _call_of(self).is_drop_copy

    @property
    def account_control(self) -> AccountControl | None:
        """A new control of the order's account, None when the order has no account."""
        return _control_of(_call_of(self))

    @property
    def account_group(self) -> AccountGroupId | None:
        """The account's group, None for the default group; the same throughout a request."""
        return _group_of(_call_of(self))

    def record_drop_copy_start_mutation(self, mutation: Mutation) -> None:
        """Keep a mutation that commits before and rolls back after all others of the drop copy.

        Raises:
            RuntimeError: the call is no drop copy, or has ended.
            AttributeError: ``mutation`` has no ``commit`` and ``rollback``.
        """
        _call_of(self).record_drop_copy_start_mutation(mutation)


def _call_of(context: Context) -> CallState:
    """Return the state of the call that a context serves."""
    try:
        return context._call
    except AttributeError:
        context._call = context._calls.call_of(context._account, context._group)
        return context._call


@final
class PostTradeContext(_Context):
    """What the callback for execution reports may ask."""

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @property
    def account_group(self) -> AccountGroupId | None:
        """The account's group, None for the default group or when the report has no account."""
        return _group_of(self._call)


@final
class AccountAdjustmentContext(_Context):
    """What the callback for account adjustments may ask."""

    __module__ = "openpit"
    __slots__ = ()

    @property
    def account_control(self) -> AccountControl | None:
        """A new control of the account that is adjusted."""
        return _control_of(self._call)

    @property
    def account_group(self) -> AccountGroupId | None:
        """The account's group, None for the default group."""
        return _group_of(self._call)


def new_context(call: CallState, now: int) -> Context:
    """Return a context of the pre-trade stages, for a call that has its state already."""
    context: Context = _new(Context)
    context._call = call
    context._now = now
    return context


def order_context(calls: Calls, account: int | None) -> Context:
    """Return what stands for an order's call: a context, for one callback or to make twins of.

    The account's group is that of now: all policies see one group, even where the membership
    changes between the two stages.
    """
    context: Context = _new(Context)
    context._calls = calls
    context._account = account
    context._group = calls.groups.get(account) if calls.groups else None
    return context


def account_and_group(context: Context) -> tuple[int | None, int | None]:
    """Return what an order's call has seen of its account: its number, its group when it began."""
    return context._account, context._group


def order_context_of(calls: Calls, account: int | None, group: int | None) -> Context:
    """Return what stands for the call of an order whose account had this group when it began."""
    context: Context = _new(Context)
    context._calls = calls
    context._account = account
    context._group = group
    return context


def twin(context: Context, now: int) -> Context:
    """Return another context of an order's call: each callback gets an object of its own."""
    other: Context = _new(Context)  # spelt out: it is made for every callback
    other._calls = context._calls
    other._account = context._account
    other._group = context._group
    other._now = now
    return other


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_account_adjustment_context = AccountAdjustmentContext._of
new_post_trade_context = PostTradeContext._of
