"""PnL barriers: which one binds an account, and what a PnL outside it says.

An account's own barrier goes before its group's and that before the global one. A group's or the
global barrier in another currency than the account's is passed over; an account's own one in
another currency cannot be checked and so blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from openpit.param.decimals import ZERO, plain
from openpit.param.enums import PnlHaltReason
from openpit.param.native_enum import member_label

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["Barrier", "Breach", "EffectiveBarrier", "PnlBarriers", "PnlState", "breach_of"]

PnlState: TypeAlias = "Decimal | PnlHaltReason | None"
"""A PnL that is counted, the reason why it is not counted any more, or nothing so far."""


class Barrier(NamedTuple):
    """Inclusive bounds in one currency; two are equal when their figures are."""

    currency: str
    lower: Decimal | None
    upper: Decimal | None


class EffectiveBarrier(NamedTuple):
    """The barrier that binds an account; ``mismatch`` when it is in another currency."""

    barrier: Barrier
    mismatch: bool


class Breach(NamedTuple):
    """The texts of a reject or block."""

    reason: str
    details: str


class PnlBarriers:
    """The barriers of a policy; replaced as a whole, never changed in place."""

    __slots__ = ("of_account", "of_all", "of_group")

    def __init__(
        self,
        of_all: Barrier | None,
        of_group: dict[int, Barrier],
        of_account: dict[int, Barrier],
    ) -> None:
        self.of_all = of_all
        self.of_group = of_group
        self.of_account = of_account

    def __bool__(self) -> bool:
        return self.of_all is not None or bool(self.of_group) or bool(self.of_account)

    def effective(
        self, account: int, group: int | None, currency: str | None
    ) -> EffectiveBarrier | None:
        """Return the barrier that binds an account of this group and currency, if any."""
        barrier = self.of_account.get(account)
        if barrier is not None:
            return EffectiveBarrier(
                barrier, mismatch=currency is not None and currency != barrier.currency
            )
        if group is not None:
            barrier = self.of_group.get(group)
            if barrier is not None and (currency is None or currency == barrier.currency):
                return EffectiveBarrier(barrier, mismatch=False)
        barrier = self.of_all
        if barrier is not None and (currency is None or currency == barrier.currency):
            return EffectiveBarrier(barrier, mismatch=False)
        return None


def mismatch_of(effective: EffectiveBarrier, currency: str | None) -> Breach | None:
    """Return what a barrier in another currency than the account's says."""
    if not effective.mismatch:
        return None
    return Breach(
        "pnl barrier currency mismatch",
        f"account currency {currency}, barrier currency {effective.barrier.currency}",
    )


def breach_of(
    effective: EffectiveBarrier | None, currency: str | None, pnl: PnlState
) -> Breach | None:
    """Return what is wrong with an account's PnL under its barrier, None when nothing is.

    A PnL that was never set counts as zero; one that is not counted any more is a breach.
    """
    if effective is None:
        return None
    mismatch = mismatch_of(effective, currency)
    if mismatch is not None:
        return mismatch
    if isinstance(pnl, PnlHaltReason):
        return Breach("account pnl calculation halted", f"halt reason {member_label(pnl)}")
    value = ZERO if pnl is None else pnl
    barrier = effective.barrier
    below = barrier.lower is not None and value < barrier.lower
    above = barrier.upper is not None and value > barrier.upper
    if not below and not above:
        return None
    sides = "lower and upper" if below and above else "lower" if below else "upper"
    bounds = "".join(
        f", {side} bound {plain(bound)}"
        for side, bound in (("lower", barrier.lower), ("upper", barrier.upper))
        if bound is not None
    )
    return Breach(
        "pnl kill switch triggered",
        f"{sides} bound breached: realized pnl {plain(value)}{bounds}, currency {barrier.currency}",
    )
