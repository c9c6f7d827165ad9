"""What spans accounts: the broad rate windows, and the procedures that ask several shards.

A procedure is a generator that does no I/O: it yields the commands of a step and the shards they
go to, and gets the replies, with None for a shard that was lost meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from openpit.engine.registry import AccountRegistry
from openpit.errors import AccountGroupRegistrationError
from openpit.router.answers import denial, read_value
from openpit.router.calls import unknown
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openpit.core.order import Order
    from openpit.pretrade.policies.rate_limit import FixedWindows, RateLimitPolicy
    from openpit.pretrade.policies.rate_limit import _Window as Window
    from openpit.pretrade.rejects import Reject
    from openpit.router.answers import Check
    from openpit.router.calls import Question, Reply, Steps
    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink

__all__ = [
    "BroadRates",
    "Counted",
    "arm",
    "change_group",
    "check_without_account",
    "everywhere",
    "refuse_stalled",
]


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

    def _reaches_windows(self, order: Order) -> bool:
        """Tell whether the policy comes to count: it first reads what its barriers need."""
        policy = self.policy
        return not (
            (policy.reads_instrument and order._settlement_ is None)
            or (policy.reads_account and order._account_ is None)
        )

    def count(self, now: int, order: Order) -> tuple[int, int, Counted | None]:
        """Count an attempt; return the two counts with it and what to give back."""
        if not self._reaches_windows(order):
            return 0, 0, None
        windows = self.windows
        settlement = order._settlement_
        before = [(window, window.start) for window in windows.holding(settlement)]
        broker, asset = windows.count(settlement, now)
        counted = now, tuple([(window, start, window.opening) for window, start in before])
        self._latest = counted
        return broker, asset, counted

    def count_broker(self, now: int) -> tuple[int, Counted]:
        """Count an attempt as :meth:`count` does, where the broker's barrier is the only one."""
        windows = self.windows
        window = windows._broker
        start = window.start
        broker = windows.count_broker(now)
        counted = self._latest = now, ((window, start, window.opening),)
        return broker, counted

    def peek(self, now: int, order: Order) -> tuple[int, int]:
        """Return what :meth:`count` would, and count nothing."""
        if not self._reaches_windows(order):
            return 0, 0
        return self.windows.peek(order._settlement_, now)

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


def _unverifiable() -> list[Reject]:
    registry = AccountRegistry()
    registry.anything_blocked = True
    reject = registry.check(None)
    return [] if reject is None else [reject]


UNVERIFIABLE: Final = _unverifiable()
"""The reject of an order without account id while anything is blocked (spec section 6.2)."""


def check_without_account(
    core: RouterCore,
    now: int,
    check: Check,
    command: Callable[[], tuple[tuple[Any, ...], Counted | None]],
    handle: int | None = None,
) -> Steps:
    """Check an order that names no account: nothing may be blocked anywhere; shard 0 decides.

    ``handle`` is the request that is used up, where there is one.
    """

    def denied(rejects: list[Reject]) -> Any:
        if handle is not None:
            core.dropped.append((core.links[0], handle))
        return check.deny(rejects)

    for link in core.links:
        if not link.is_up:  # what it had blocked is not known any more
            return denied(denial(link.number, link.reason))
    replies = yield [(link, administration(now, "anything_blocked")) for link in core.links]
    for link, reply in zip(core.links, replies, strict=True):
        if reply is None:
            return denied(denial(link.number, link.reason))
        if read_value(link, None, reply):
            return denied(UNVERIFIABLE)
    link = core.links[0]
    asked, counted = command()
    core.packed(asked, counted)  # whether it can be: the answer is rarely no, and must not count
    (reply,) = yield [(link, asked)]
    if reply is None:
        return check.deny(denial(link.number, link.reason))
    if reply[0] == kinds.REJECTED_UNCOUNTED:
        core.give_back(counted)
    return check.read(link, None, reply)


def administration(now: int, method: str, *values: object) -> tuple[Any, ...]:
    """Return an administrative command of no single account."""
    return (kinds.ADMINISTER, None, now, method, encode(values, bare=True))


def everywhere(
    core: RouterCore,
    command: tuple[Any, ...],
    merge: Callable[[list[Any]], Any] | None = None,
) -> Steps:
    """Run a command on every shard that is up; return the merged answers.

    A shard that is down has no state left that could differ; while one is stalled, nothing is
    applied to any.
    """
    refuse_stalled(core.links)
    asked = [link for link in core.links if link.is_up]
    if not asked:
        raise core.links[0].refusal()
    replies = yield [(link, command) for link in asked]
    for link, reply in zip(asked, replies, strict=True):
        if reply is None and link.is_stalled:  # it has the command, and may come to it
            raise unknown(link, link.why or link.reason)
    values = [
        read_value(link, None, reply)
        for link, reply in zip(asked, replies, strict=True)
        if reply is not None
    ]
    if not values:
        raise unknown(asked[0], asked[0].reason)
    return values[0] if merge is None else merge(values)


def refuse_stalled(links: Iterable[ShardLink]) -> None:
    """Raise ShardStalled if one of the shards is: what spans them would wait for it."""
    for link in links:
        if link.is_stalled:
            raise link.refusal()


def change_group(
    core: RouterCore,
    now: int,
    method: str,
    accounts: Sequence[int],
    group: int,
) -> Steps:
    """Change the membership of all listed accounts or of none: check everywhere, then apply."""
    listed: dict[int, list[int]] = {}
    places: dict[int, list[int]] = {}
    for place, account in enumerate(accounts):
        number = core.link_of(account).number
        listed.setdefault(number, []).append(account)
        places.setdefault(number, []).append(place)
    links = [core.links[number] for number in listed]
    for link in links:
        if not link.is_up:
            raise link.refusal()

    def questions(name: str) -> list[Question]:
        return [(link, administration(now, name, listed[link.number], group)) for link in links]

    replies = yield questions(f"can_{method}")
    refusals: list[tuple[int, str]] = []
    for link, reply in zip(links, replies, strict=True):
        if reply is None:
            raise link.refusal()  # nothing was applied anywhere
        refusal = read_value(link, None, reply)
        if refusal is not None:
            place, text = refusal
            refusals.append((places[link.number][place], text))
    if refusals:
        raise AccountGroupRegistrationError(min(refusals)[1])
    replies = yield questions(f"{method}_group")
    for link, reply in zip(links, replies, strict=True):
        if reply is None:
            raise unknown(link, link.reason)
        read_value(link, None, reply)


def arm(core: RouterCore, now: int, causes: Reply, deliver: Callable[[], None]) -> Steps:
    """Block the engine on every shard, then deliver the reply that this held up.

    On the one that said so as well: a call that lifts the block may have come there meanwhile, and
    must not find some shards blocked and others not. A shard that is stalled is not waited for: it
    is told first when it answers again, and takes no order until then.
    """
    for link in core.links:
        if link.is_stalled:
            before = link.owed_causes or (False, False)
            link.owed_causes = (before[0] or causes[0], before[1] or causes[1])
    yield [(link, (kinds.ARM, None, now, causes)) for link in core.links if link.is_up]
    deliver()
