"""The broker and asset axes of the rate limit, which span the shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

if TYPE_CHECKING:
    from openpit.pretrade.policies.rate_limit import FixedWindows, RateLimitPolicy
    from openpit.pretrade.policies.rate_limit import _Window as Window

__all__ = ["BroadRates", "Counted"]

Counted: TypeAlias = "tuple[int, tuple[tuple[Window, int, int], ...]]"
"""An attempt that was counted: when, and by which counters.

With each, the start that its window had before, and the opening of the window that it is in: a time
does not tell that, since orders of a batch have their times before they are counted.

One is made for every order on its own, so it is no object of a class of its own.
"""


class BroadRates:
    """The broker and asset axes of the rate limit, counted here for all shards.

    Counted when an order is submitted, in the order of submission, and given back when the shard's
    block check has stopped the order before any policy saw it.
    """

    __slots__ = ("_latest", "policy")

    def __init__(self, policy: RateLimitPolicy) -> None:
        self.policy: Final = policy
        self._latest: Counted | None = None  # unless something else was counted since

    @property
    def windows(self) -> FixedWindows:
        """The counters."""
        # The prototype's policy never becomes a shard's, whose counts are supplied.
        return cast("FixedWindows", self.policy.windows)

    def _reaches_windows(self, account: int | None, settlement: str | None) -> bool:
        """Tell whether the policy comes to count: it first reads what its barriers need."""
        policy = self.policy
        return not (
            (policy.reads_instrument and settlement is None)
            or (policy.reads_account and account is None)
        )

    def count(
        self, now: int, account: int | None, settlement: str | None
    ) -> tuple[int, int, Counted | None]:
        """Count an attempt; return the two counts with it and what to give back."""
        if not self._reaches_windows(account, settlement):
            return 0, 0, None
        windows = self.windows
        before = [(window, window.start) for window in windows.holding(settlement)]
        broker, asset = windows.count(settlement, now)
        counted = now, tuple([(window, start, window.opening) for window, start in before])
        self._latest = counted
        return broker, asset, counted

    def count_broker(self, now: int) -> tuple[int, Counted]:
        """Count an attempt as :meth:`count` does, where the broker's barrier is the only one."""
        windows = self.windows
        window = windows.broker
        start = window.start
        broker = windows.count_broker(now)
        counted = self._latest = now, ((window, start, window.opening),)
        return broker, counted

    def peek(self, now: int, account: int | None, settlement: str | None) -> tuple[int, int]:
        """Return what :meth:`count` would, and count nothing."""
        if not self._reaches_windows(account, settlement):
            return 0, 0
        return self.windows.peek(settlement, now)

    def broker_windows(self) -> FixedWindows:
        """Return the windows for somebody who counts many attempts against the broker's."""
        self._latest = None
        return self.windows

    def give_back(self, counted: Counted, now: int) -> None:
        """Take back an attempt that never reached the policies.

        If it was the last one, everything is as if it had not been. Otherwise a limit may hold for
        longer than it had to, never for less.
        """
        counted_at, windows = counted
        latest, self._latest = self._latest, None
        for window, start, opening in windows:
            if counted is latest:
                window.undo(start)
            else:
                window.give_back(opening, counted_at, now)
