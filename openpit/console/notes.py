"""What the console itself knows of changes: limits before and after; its log has all of them."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.console.shapes import LimitChange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.console.tokens import Caller

__all__ = ["LIMITS_KEPT", "Notes"]

LIMITS_KEPT: Final = 20
"""Changes of limits that are remembered, with what they were."""

DIFFERENCE: Final = 20_000
"""Longest difference that is remembered, in characters."""

_log = logging.getLogger("openpit.console")


class Notes:
    """The last ones, as long as the console lives; the audit of a journal has them for good."""

    def __init__(self) -> None:
        self._limits: Final[deque[LimitChange]] = deque(maxlen=LIMITS_KEPT)

    @property
    def limits(self) -> list[LimitChange]:
        """Changes of limits, the newest first."""
        return list(self._limits)

    def made(self, caller: Caller, method: str, account: str | None, reason: str) -> None:
        """Log a change that was made for a caller."""
        whose = "" if account is None else f" of account {account}"
        _log.warning(
            "%s: %s%s: %s",
            caller.name,
            method,
            whose,
            reason,
            extra={"caller": caller.name, "change": method, "account": account, "reason": reason},
        )

    def not_kept(self, caller: Caller, method: str, error: Exception) -> None:
        """Note that the server could not be told why a change was made: only this log has it."""
        _log.warning("%s: %s: its reason is not in the journal: %s", caller.name, method, error)

    def limits_changed(self, at: float, by: Sequence[str], difference: str) -> None:
        """Note that other limits are in force."""
        if len(difference) > DIFFERENCE:
            difference = difference[:DIFFERENCE] + "\n..."
        self._limits.appendleft(LimitChange(at=at, by=list(by), difference=difference))
        _log.warning("limits changed by %s:\n%s", ", ".join(by) or "nobody known", difference)
