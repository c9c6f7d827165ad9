"""Putting an engine together of its policies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from openpit.engine.custom import CustomPolicy
from openpit.engine.pipeline import EngineCore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import RLock

    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["build_core", "check_policies"]


def check_policies(policies: Sequence[BuiltinPolicy]) -> None:
    """Check that policies can live in one engine.

    Raises:
        ValueError: two of one name, or of one group id other than 0.
    """
    for name, times in Counter(policy.name for policy in policies).items():
        if times > 1:
            raise ValueError(f"duplicate policy name in engine configuration: {name}")
    for group_id, times in Counter(policy.group_id for policy in policies).items():
        if times > 1 and group_id:
            raise ValueError(f"duplicate non-default policy_group_id: {group_id}")


def build_core(
    policies: Sequence[BuiltinPolicy], clock: Callable[[], int], lock: RLock | None
) -> EngineCore:
    """Return the pipeline over checked policies; see :func:`check_policies` for what it raises."""
    check_policies(policies)
    customs = [policy for policy in policies if isinstance(policy, CustomPolicy)]
    if len(customs) == 1:
        customs[0].is_alone = customs[0].skips_start
    core = EngineCore(policies, clock=clock, lock=lock, has_custom=bool(customs))
    if core.marks_busy:
        for custom in customs:
            custom.attach(core.finisher)
    return core
