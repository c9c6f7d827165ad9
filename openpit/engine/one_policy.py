"""Both stages of an order where one policy has a main stage: what most engines do of most orders.

It answers as the pipeline would, which asks any number of policies: two calls fewer, no lists, and
nothing to merge. That is 7 % of an order of a custom policy's, 4 % of one of spot funds.
"""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING

from openpit.core.contexts import order_context
from openpit.core.order import account_of
from openpit.pretrade.effects import ITSELF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.core.contexts import Context
    from openpit.core.order import Order
    from openpit.engine.answers import Checked
    from openpit.engine.finalize import Finisher
    from openpit.engine.registry import AccountRegistry
    from openpit.pretrade.effects import Effects
    from openpit.pretrade.policy_contract import PolicyCall
    from openpit.pretrade.rejects import Reject

__all__ = ["OnePolicy"]


class OnePolicy:
    """How orders are checked in an engine whose main stage asks one policy.

    ``start_stage`` is the engine's, None where no policy has one; ``refuse`` undoes what a refused
    order has changed, and returns why it is refused.
    """

    __slots__ = (
        "_binds_thread",
        "_check",
        "_finisher",
        "_group_id",
        "_has_custom",
        "_marks_busy",
        "_refuse",
        "_registry",
        "_start_stage",
        "_thread",
    )

    def __init__(
        self,
        registry: AccountRegistry,
        finisher: Finisher,
        check: Callable[[Order, int, PolicyCall | None], Effects | None],
        group_id: int,
        refuse: Callable[[int | None, Effects], Sequence[Reject]],
        start_stage: Callable[[Order, int | None, int, Context | None], list[Reject] | None] | None,
        *,
        has_custom: bool,
        marks_busy: bool,
    ) -> None:
        self._registry = registry
        self._finisher = finisher
        self._check = check
        self._group_id = group_id
        self._start_stage = start_stage
        self._thread = 0  # that has asked last
        self._refuse = refuse
        self._has_custom = has_custom
        self._marks_busy = marks_busy
        self._binds_thread = finisher.lock is None

    def execute(self, order: Order, now: int) -> Checked:
        """Run both stages."""
        finisher = self._finisher
        if finisher.dropped:
            finisher.settle()
        registry = self._registry
        try:
            account = order._account_
        except AttributeError:
            account = account_of(order)
        if registry.anything_blocked and (stopped := registry.check(account)) is not None:
            return [stopped]
        call = order_context(registry, account) if self._has_custom else None
        was_busy, finisher.busy = finisher.busy, self._marks_busy
        effects: Effects | None = None
        try:
            if self._start_stage is not None:
                rejects = self._start_stage(order, account, now, call)
                if rejects:
                    return rejects
                if registry.anything_blocked and (stopped := registry.check(account)) is not None:
                    return [stopped]
            effects = self._check(order, now, call)
            if effects is None:
                return None
            # taken() written out, and count_in() below: calls that every order would make.
            effects.finisher = finisher
            if self._group_id:
                effects.group_id = self._group_id
            thread = get_ident() if self._binds_thread else 0
            if thread == self._thread:
                thread = self._thread  # one number for all, and not one for each open order
            else:
                self._thread = thread
            effects.thread = thread
            effects.open = True
            mutations = effects.mutations
            # What is itself what there is to undo refuses nothing, and has no slots for why.
            if mutations is ITSELF or not (effects.rejects or effects.failure is not None):
                if mutations:
                    opened = finisher.opened
                    effects.key = account
                    opened[account] = opened.get(account, 0) + 1
                return effects
            return self._refuse(account, effects)
        except BaseException:
            # What the policy raised has changed nothing; else a signal's handler has, between two
            # steps, or what is undone did.
            if effects is not None:
                with suppress(BaseException):
                    effects.rollback()
            raise
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()
