"""Asking the policies about account adjustments, until one of them refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.account_adjustment import Adjustment
    from openpit.engine.call import EngineCall
    from openpit.pretrade.effects import Finalizer, GeneralEffects
    from openpit.pretrade.outcomes import GroupRow
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.pretrade.rejects import AccountBlock, Reject

__all__ = ["adjust"]


def adjust(
    policies: Sequence[BuiltinPolicy],
    effects: GeneralEffects,
    rows: list[GroupRow],
    blocks: list[AccountBlock],
    account: int,
    adjustments: Iterable[Adjustment],
    now: int,
    call: EngineCall,
) -> tuple[int, list[Reject]] | None:
    """Ask the policies about each adjustment; return the first one refused, and why.

    What they change goes into ``rows``, the blocks that they ask for into ``blocks``.
    """
    mutations: list[Finalizer] = []
    effects.mutations = mutations
    for index, adjustment in enumerate(adjustments):
        for policy in policies:
            effect = policy.apply_adjustment(account, adjustment, now, call)
            if effect is None:
                continue
            mutations += effect.mutations
            if effect.failure is not None:
                effects.fail(effect.failure)
                effect = None  # see finalize.py: no cycle through this frame
                effects.raise_failure()
            elif effect.rejects:
                return index, effect.rejects
            else:
                rows += [(policy.group_id, row) for row in effect.rows]
                blocks += effect.blocks
    return None
