"""What a replay says to its workers, and what they answer: lines, and what became of them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from openpit.cli.turnover import Sums

if TYPE_CHECKING:
    from openpit.cli.lane import ReplayLane
    from openpit.cli.tally import Tally
    from openpit.cli.turnover import Turnover

__all__ = ["BlockAnswer", "LaneTotals", "LineBlock", "read_answer", "read_block", "write"]


class LineBlock(msgspec.Struct, array_like=True, gc=False):
    """Lines of a flow, all of one shard's accounts, in the flow's order."""

    lines: bytes
    """Without their ends, a line end between two."""
    time: int | None = None
    """Of the only line, where that tells none."""
    counts: list[tuple[int, int] | None] | None = None
    """Of each line the counts of its order on the broker's axis and on the asset's, with it.

    None for a line that counts as nothing. None for all: no limit that spans accounts can be
    reached, so nothing has to be counted.
    """


class LaneTotals(msgspec.Struct, array_like=True, gc=False):
    """What a lane has counted since it began."""

    accounts: int
    accepted: int
    reports: int
    blocked: int
    refusals: list[tuple[str, str, int]]
    """Policy, code, and how many orders."""
    skipped: dict[str, int]
    money: list[tuple[str, int, str, str, str]]
    """Currency, fills, and the sums of what was traded, of fees, of profit and loss."""

    @classmethod
    def of(cls, lane: ReplayLane) -> LaneTotals:
        """Return those of a lane."""
        tally = lane.tally
        return cls(
            tally.accounts,
            tally.accepted,
            tally.reports,
            tally.blocked,
            [(*of, count) for of, count in tally.refusals.items()],
            dict(lane.book.skipped),
            [
                (currency, sums.fills, str(sums.traded), str(sums.fees), str(sums.pnl))
                for currency, sums in lane.turnover.by_currency.items()
            ],
        )

    def tell(self, tally: Tally) -> None:
        """Set a tally to these counts."""
        tally.accounts, tally.accepted = self.accounts, self.accepted
        tally.reports, tally.blocked = self.reports, self.blocked
        tally.refusals = Counter({(policy, code): count for policy, code, count in self.refusals})
        tally.rejects = Counter()
        for _, code, count in self.refusals:
            tally.rejects[code] += count

    def add_money(self, turnover: Turnover) -> None:
        """Add these sums."""
        for currency, fills, traded, fees, pnl in self.money:
            sums = Sums()
            sums.fills = fills
            sums.traded, sums.fees, sums.pnl = Decimal(traded), Decimal(fees), Decimal(pnl)
            turnover.merge(currency, sums)


class BlockAnswer(msgspec.Struct, array_like=True, gc=False):
    """What became of a block of lines."""

    decisions: bytes
    """The lines of its orders' decisions; none where nobody wants them."""
    orders: int
    """How many were decided."""
    bad: list[tuple[int, str]]
    """The places of the lines that are no event, or one that cannot be applied, and why."""
    stopped: list[int]
    """The orders that a block of their account has stopped, by their places among the decided."""
    blocked: list[str]
    """Accounts that have been blocked, as the flow's lines name them."""
    totals: LaneTotals


write = msgspec.msgpack.Encoder().encode

read_block = msgspec.msgpack.Decoder(LineBlock).decode

read_answer = msgspec.msgpack.Decoder(BlockAnswer).decode
