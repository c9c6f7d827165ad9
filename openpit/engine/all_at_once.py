"""Many orders judged at once, as far as the policies can tell of them that none is rejected.

In one engine each policy is asked of each order. A shard has batches, and most policies need not be
asked order by order: a comparison with the highest count, or the largest quantity, says of all that
there is nothing against them. What is left has to be judged one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.pretrade.alike_rejects import RefusedRuns
from openpit.pretrade.policy_contract import overrides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.policy_contract import OrderColumns

__all__ = ["AllAtOnce"]


class AllAtOnce:
    """Judges many orders for an engine, as far as all of its policies can."""

    __slots__ = ("_asked", "_main", "_registry", "holds")

    def __init__(self, engine: EngineCore) -> None:
        self._registry: Final = engine.registry
        asked = [policy for policy in engine.policies if overrides(policy, "check_start")]
        main = [policy for policy in engine.policies if overrides(policy, "check_main")]
        is_able = not (
            engine.has_custom
            or len(main) > 1
            or not all(overrides(policy, "hold_plain") for policy in main)
            or not all(overrides(policy, "doubtful") for policy in asked)
        )
        # Whether what passes the start stage has the main stage before it, which holds something.
        self.holds: Final = bool(main)
        self._main: Final = tuple(main)
        self._asked: Final = tuple(policy.doubtful for policy in asked) if is_able else None

    def doubtful(self, orders: OrderColumns) -> Sequence[int] | RefusedRuns | None:
        """Return the places, in order, of those of many orders that are to be judged by themselves.

        Both stages accept the others, and hold nothing of any, or the start stage does where there
        is a main stage; what those count is counted by this.
        Runs of them say already what each is rejected for, if all before it are counted, as all
        are that are not to be judged by themselves. None where all have to be judged one by one.
        """
        if self._asked is None or not all(policy.holds_plain for policy in self._main):
            return None
        found: set[int] = set()
        refused: RefusedRuns | None = None
        check = self._registry.check
        if self._registry.anything_blocked:
            blocked = {one for one in {*orders.accounts} if check(one) is not None}
            found.update(at for at, one in enumerate(orders.accounts) if one in blocked)
        for ask in self._asked:
            its = ask(orders)
            if its is None:
                return None
            if not isinstance(its, RefusedRuns):
                found.update(its)
            elif refused is None:
                refused = its
            else:
                found.update(its.places())
        if refused is None:
            return sorted(found)
        refused.apart = sorted(found)
        return refused
