"""How a ready builder gives its policy to the engine builder that it is given to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["PolicyRegistrar", "ReadyBuilder", "register"]


class PolicyRegistrar(NamedTuple):
    """What a policy may know of the engine that it is built for, and where it goes."""

    is_no_sync: bool
    """Whether the engine will be used by one thread without any lock."""
    now: Callable[[], int]
    """The engine's monotonic time in nanoseconds."""
    add: Callable[[BuiltinPolicy], None]
    """Registers a policy after those that are there; ValueError once the engine is built."""


@runtime_checkable
class ReadyBuilder(Protocol):
    """A built-in policy, set up and ready for ``builtin()``."""

    def _build(self, registrar: PolicyRegistrar) -> None:
        """Make the policy and register it."""


def register(ready: ReadyBuilder, registrar: PolicyRegistrar) -> None:
    """Register a ready builder's policy; raises what is wrong with its settings."""
    ready._build(registrar)
