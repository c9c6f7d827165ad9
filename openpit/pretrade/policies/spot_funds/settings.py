"""The settings of a spot funds policy, checked and in plain figures, and who they apply to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.pretrade.policies.spot_funds.barriers import PnlBarriers

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["Settings", "SlippageTable"]


class SlippageTable:
    """Slippage in basis points: by instrument and account, instrument and group, instrument."""

    __slots__ = ("of_account", "of_all", "of_group", "of_instrument")

    def __init__(self) -> None:
        self.of_all = 0
        self.of_instrument: dict[int, int] = {}
        self.of_group: dict[tuple[int, int], int] = {}
        self.of_account: dict[tuple[int, int], int] = {}

    def effective(self, instrument: int, account: int, group: int | None) -> int:
        """Return the slippage of an account's order: the closest that is set."""
        bps = self.of_account.get((instrument, account))
        if bps is None and group is not None:
            bps = self.of_group.get((instrument, group))
        if bps is None:
            bps = self.of_instrument.get(instrument)
        return self.of_all if bps is None else bps


class Settings:
    """Everything that can be configured; changed only by updates that are valid as a whole."""

    __slots__ = (
        "account_track_only",
        "barriers",
        "book_top",
        "group_track_only",
        "has_barriers",
        "position_limits",
        "slippage",
        "track_only",
    )

    def __init__(self) -> None:
        self.slippage = SlippageTable()
        self.book_top = False
        self.track_only = False
        self.account_track_only: dict[int, bool] = {}
        self.group_track_only: dict[int, bool] = {}
        # By account first: an account's limits can move with it.
        self.position_limits: dict[int, dict[str, Decimal]] = {}
        self.barriers = PnlBarriers(None, {}, {})
        self.has_barriers = False

    def set_barriers(self, barriers: PnlBarriers) -> None:
        """Replace the barriers."""
        self.barriers = barriers
        self.has_barriers = bool(barriers)

    @property
    def plain(self) -> bool:
        """Whether every order only has to be covered: no mode, limit or barrier is set."""
        return not (
            self.track_only
            or self.account_track_only
            or self.group_track_only
            or self.position_limits
            or self.has_barriers
        )

    def is_track_only(self, account: int, group: int | None) -> bool:
        """Tell whether orders of the account are recorded without being checked for cover."""
        mode = self.account_track_only.get(account)
        if mode is None and group is not None:
            mode = self.group_track_only.get(group)
        return self.track_only if mode is None else mode
