"""The state of an engine as plain values: its registry, that of each policy, what is open.

What callbacks of a custom policy have yet to do is no plain value: while such a reservation is open
there is no state to export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from openpit.engine.custom import CustomPolicy
from openpit.errors import JournalError
from openpit.pretrade.effects import NOT_COUNTED

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.effects import Effects, Finalizer
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.pretrade.state_values import State

__all__ = [
    "NotExportable",
    "export_effects",
    "export_engine",
    "hand_over",
    "packed_state",
    "restore_effects",
    "restore_engine",
    "without_state",
]


class NotExportable(Exception):  # noqa: N818 - a state of affairs, which passes
    """There is no snapshot of this engine as it is now; the text says why."""


def without_state(core: EngineCore) -> list[str]:
    """Return the names of the policies that keep to themselves what they know."""
    return [policy.name for policy in core.policies if not policy.has_whole_state]


def export_engine(core: EngineCore) -> State:
    """Return the registry and the state of each policy, by its name.

    Raises:
        NotExportable: a policy has no state to export, or one that is no plain value.
    """
    return core.registry.export(), [(policy.name, _state_of(policy)) for policy in core.policies]


def _state_of(policy: BuiltinPolicy) -> State:
    return _packed(policy) if isinstance(policy, CustomPolicy) else policy.export_state()


def _packed(policy: CustomPolicy) -> bytes:
    if not policy.has_whole_state:
        raise NotExportable(f"policy {policy.name} has no export_state() and restore_state()")
    return packed_state(policy, f"policy {policy.name}")


def packed_state(owner: Any, name: str) -> bytes:
    """Return what a program's own policy or actor exports, packed by itself.

    Raises:
        NotExportable: it raises, or that is no plain value; ``name`` is told.
    """
    try:
        packed: bytes = msgpack.packb(owner.export_state())
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise NotExportable(f"export_state() of {name}: {why}") from error
    return packed


def restore_engine(core: EngineCore, state: State) -> None:
    """Take over what an engine of the same policies has exported.

    A custom policy of which there is no state is left as it was made: it is new.

    Raises:
        JournalError: a custom policy does not take its state; its name is told.
    """
    registry, policies = state
    core.registry.restore(registry)
    states = dict(policies)
    for policy in core.policies:
        if not isinstance(policy, CustomPolicy):
            policy.restore_state(states[policy.name])
        elif policy.name in states:
            _restore_custom(policy, states[policy.name])


def _restore_custom(policy: CustomPolicy, packed: bytes) -> None:
    if not policy.has_whole_state:
        raise JournalError(
            f"policy {policy.name} has no export_state() and restore_state(), and had them when "
            "the snapshot was taken"
        )
    hand_over(policy, packed, f"policy {policy.name}")


def hand_over(owner: Any, packed: bytes, name: str) -> None:
    """Have a program's own policy or actor take over what another has exported.

    Raises:
        JournalError: it raises; ``name`` is told.
    """
    state = msgpack.unpackb(packed, strict_map_key=False)
    try:
        owner.restore_state(state)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise JournalError(f"restore_state() of {name}: {why}") from error


# --- what is open ---------------------------------------------------------------------------------


def export_effects(core: EngineCore, effects: Effects) -> State:
    """Return what is set aside until an order's fate is known, and under what that is counted.

    Raises:
        NotExportable: a callback is among it.
    """
    counted = () if effects.key is NOT_COUNTED else (effects.key,)
    return counted, [_exported(core, mutation) for mutation in effects.finalizers]


def _exported(core: EngineCore, mutation: Finalizer) -> tuple[str, State]:
    for policy in core.policies:
        state = policy.export_effect(mutation)
        if state is not None:
            return policy.name, state
    raise NotExportable("a reservation is open that callbacks of a custom policy end")


def restore_effects(core: EngineCore, state: State) -> Effects:
    """Return open effects that end as those do which were exported."""
    counted, mutations = state
    policies = {policy.name: policy for policy in core.policies}
    effects = core.finisher.effects([policies[name].restore_effect(its) for name, its in mutations])
    effects.open = True
    if counted:
        core.finisher.count_in(effects, counted[0])
    return effects
