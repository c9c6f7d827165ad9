"""What a report has changed in one asset, added up step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.decimals import ZERO, DecimalOverflow, add

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.param.enums import PnlHaltReason
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.holdings import Slot

__all__ = ["AssetRow"]


class AssetRow:
    """What the report has changed in one asset so far, and what that came to."""

    __slots__ = (
        "asset",
        "available",
        "available_now",
        "held",
        "held_now",
        "incoming",
        "incoming_now",
    )

    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.available = self.held = self.incoming = ZERO
        self.available_now = self.held_now = self.incoming_now = ZERO

    def merge(self, slot: Slot, available: Decimal, held: Decimal, incoming: Decimal) -> None:
        """Add what a step has changed; DecimalOverflow when that cannot be added up."""
        available = add(self.available, available)
        held = add(self.held, held)
        incoming = add(self.incoming, incoming)
        self.available = available
        self.held = held
        self.incoming = incoming
        self.available_now = slot.available
        self.held_now = slot.held
        self.incoming_now = slot.incoming

    def overflowing_field(self, held: Decimal) -> str:
        """Name what :meth:`merge` of a release could not add up.

        What is held is added up before the balance, and stays added where only the balance fails.
        """
        try:
            self.held = add(self.held, held)
        except DecimalOverflow:
            return "held"
        return "balance"

    def outcome(
        self,
        realized: Decimal | None = None,
        pnl: Decimal | None = None,
        halted: PnlHaltReason | None = None,
        average: Decimal | None = None,
    ) -> OutcomeRow | None:
        """Return the row, None when the report changed nothing here."""
        available, held, incoming = self.available, self.held, self.incoming
        if not (available or held or incoming) and pnl is None and not halted and average is None:
            return None
        return (
            self.asset,
            available or None,
            self.available_now if available else None,
            held or None,
            self.held_now if held else None,
            incoming or None,
            self.incoming_now if incoming else None,
            realized,
            pnl,
            halted,
            average,
        )
