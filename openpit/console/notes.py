"""What the console itself knows of changes: its callers' reasons, and limits before and after."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.console.link import CALLER
from openpit.console.shapes import LimitChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.console.shapes import ChangeTold
    from openpit.console.tokens import Caller

__all__ = ["KEPT", "Notes"]

KEPT: Final = 200
"""Changes whose reasons are remembered."""

LIMITS_KEPT: Final = 20
"""Changes of limits that are remembered, with what they were."""

DIFFERENCE: Final = 20_000
"""Longest difference that is remembered, in characters."""

_log = logging.getLogger("openpit.console")


class Notes:
    """The last ones, as long as the console lives; the audit of a journal has them for good."""

    def __init__(self) -> None:
        self._made: Final[deque[tuple[str, str, str | None, str]]] = deque(maxlen=KEPT)
        self._limits: Final[deque[LimitChange]] = deque(maxlen=LIMITS_KEPT)

    @property
    def limits(self) -> list[LimitChange]:
        """Changes of limits, the newest first."""
        return list(self._limits)

    def made(self, caller: Caller, method: str, account: str | None, reason: str) -> None:
        """Note a change that was made for a caller."""
        self._made.appendleft((f"{CALLER}{caller.name}", method, account, reason))
        whose = "" if account is None else f" of account {account}"
        _log.warning(
            "%s: %s%s: %s",
            caller.name,
            method,
            whose,
            reason,
            extra={"caller": caller.name, "change": method, "account": account, "reason": reason},
        )

    def give_reasons(self, changes: Iterable[ChangeTold]) -> None:
        """Say why changes were made, the newest first, where that was told here."""
        left = list(self._made)
        for change in changes:
            for one in left:
                if one[:3] == (change.by, change.what, change.account):
                    change.reason = one[3]
                    left.remove(one)
                    break

    def limits_changed(self, at: float, by: Sequence[str], difference: str) -> None:
        """Note that other limits are in force."""
        if len(difference) > DIFFERENCE:
            difference = difference[:DIFFERENCE] + "\n..."
        self._limits.appendleft(LimitChange(at=at, by=list(by), difference=difference))
        _log.warning("limits changed by %s:\n%s", ", ".join(by) or "nobody known", difference)
