"""What a ready builder needs of the engine builder that it is given to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from openpit.pretrade.runtime import BuiltinPolicy

__all__ = ["PolicyRegistrar", "ReadyBuilder"]


class PolicyRegistrar(Protocol):
    """The stage of an engine builder that takes policies."""

    @property
    def _is_no_sync(self) -> bool:
        """Whether the engine will be used by one thread without any lock."""

    def _now(self) -> int:
        """Return the builder's monotonic time in nanoseconds."""

    def _add_builtin(self, policy: BuiltinPolicy) -> object:
        """Register a policy after those that are there; returns the next stage."""


class ReadyBuilder(Protocol):
    """A built-in policy, set up and ready for ``builtin()``."""

    def _build(self, builder: PolicyRegistrar) -> object:
        """Make the policy and register it with the builder."""
