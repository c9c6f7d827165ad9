"""The engine-wide block of a shard: what its router has been told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.wire.frames import Flag

if TYPE_CHECKING:
    from openpit.engine.registry import AccountRegistry

__all__ = ["Armed"]


class Armed:
    """Compares the causes that there are with those that were told."""

    __slots__ = ("_registry", "told")

    def __init__(self, registry: AccountRegistry) -> None:
        self._registry: Final = registry
        self.told = (False, False)  # a failed finaliser, an unattributed report

    def news(self) -> int:
        """Return the flags of a reply whose commands have armed the block, or lifted it."""
        self._note()
        return self.causes

    def arm(self, causes: int) -> None:
        """Arm the block, as the router says: it has nothing to be told of that."""
        registry = self._registry
        if causes & Flag.FINALIZER_FAILED:
            registry.arm_finalizer_failure()
        if causes & Flag.UNATTRIBUTED_REPORT:
            registry.arm_unattributed_report()
        self._note()

    def _note(self) -> None:
        registry = self._registry
        self.told = (registry.finalizer_failed, registry.unattributed_report)

    @property
    def causes(self) -> int:
        """The causes that there are, as flags."""
        registry = self._registry
        causes = Flag.FINALIZER_FAILED if registry.finalizer_failed else 0
        return causes | (Flag.UNATTRIBUTED_REPORT if registry.unattributed_report else 0)
