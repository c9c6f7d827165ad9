"""The counts of a batch's orders against the rates that span accounts.

The rows say the ranks of the orders that may count, the batch's head what makes counts of them. An
order that a block stopped before the policy counted it does not count, nor do those after it in the
batch count it.
"""

from __future__ import annotations

from operator import lt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import WireError
from openpit.pretrade.policies.rate_limit import FixedWindows, RateLimitPolicy
from openpit.pretrade.policies.supplied_counts import SuppliedCounts
from openpit.shards.alike import AlikeOrders
from openpit.wire import kinds
from openpit.wire.axes import BROKER, NO_AXES, VOUCHED, CountingAxes
from openpit.wire.own_numbers import OWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openpit.pretrade.policies.rate_limit_settings import RateLimitSettings
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.pretrade.state_values import State
    from openpit.wire.frames import Axis

__all__ = [
    "BatchCounts",
    "CountingRules",
    "asked_of",
    "begin_counting",
    "counted_in",
    "counting_since",
    "declared_ranks",
    "ranks_in",
    "settlement_of",
]

_MOST: Final = 2**64 - 1
_NOWHERE: Final[tuple[bool, int | None]] = (False, None)

Command = tuple[Any, ...]


def counting_since(policies: Iterable[BuiltinPolicy]) -> int | None:
    """Return the time from which policies that were just made count, None where none does."""
    times = [one.windows.began for one in policies if isinstance(one, RateLimitPolicy)]
    return times[0] if times else None


def begin_counting(policies: Iterable[BuiltinPolicy], began: int | None) -> None:
    """Have policies that were just made count from another time on: that of a first start."""
    for policy in policies:
        if isinstance(policy, RateLimitPolicy) and began is not None:
            policy.windows = FixedWindows(policy.settings, began)


class CountingRules(NamedTuple):
    """On which axes an order may count."""

    counts_broker: bool
    numbers: Mapping[str | None, int]  # of the assets that have a rate
    reads_instrument: bool
    reads_account: bool

    @property
    def is_brokers_alone(self) -> bool:
        """Whether each order counts for the broker, and for nobody else."""
        return not (self.numbers or self.reads_instrument or self.reads_account)

    def axes_of(self, account: int | None, settlement: str | None) -> tuple[bool, int | None]:
        """Tell whether an order counts for the broker, and return the number of its asset's axis.

        One that lacks what the policy reads, the policy rejects before it counts.
        """
        if (self.reads_instrument and settlement is None) or (
            self.reads_account and account is None
        ):
            return False, None
        return self.counts_broker, self.numbers.get(settlement)


def _rules_of(
    settings: RateLimitSettings, numbers: Mapping[str | None, int]
) -> CountingRules | None:
    if settings.broker is None and not settings.assets:
        return None
    return CountingRules(
        settings.broker is not None,
        {asset: numbers[asset] for asset in settings.assets},
        settings.reads_instrument,
        settings.reads_account,
    )


class BatchCounts(SuppliedCounts):
    """Tells the rate policy the counts of the orders of the batch in hand."""

    __slots__ = (
        "_policy",
        "_ranked",
        "_rules",
        "_settings",
        "_unused",
        "_vouched",
        "assets",
        "broker",
        "has_own",
        "missing",
        "version",
    )

    def __init__(self, policies: Iterable[BuiltinPolicy]) -> None:
        self._policy: RateLimitPolicy | None = None
        self.version = 0  # of the settings: how often they have been changed on all shards
        super().__init__(None)
        for policy in policies:
            if isinstance(policy, RateLimitPolicy):
                super().__init__(policy.settings, policy.windows.began)
                self._policy = policy
                policy.windows = self
        # What makes counts of ranks, on the axes that the batch's head names.
        self.broker: int | None = None
        self.assets: dict[str | None, int] = {}
        # The ranks of many orders that are judged at once; None: they have none.
        self._ranked: tuple[Sequence[int], Sequence[int]] | None = None
        # The orders of the batch that have not counted, by their places.
        self.missing: list[int] = []
        # Of messages among those: how many of each axis they declared, and have not used.
        self._unused: dict[int, list[tuple[int, int, int]]] = {}
        # Of a batch that the router passes on: the count that all are above, and how many they are.
        self._vouched: dict[int, tuple[int, int]] = {}
        # By which of its orders have to count, and the settings that say so.
        self._settings: RateLimitSettings | None = None
        self._rules: CountingRules | None = None

    def export(self) -> State:
        """Return the settings' version, the assets by number, and the counts of the last order."""
        return self.version, self.numbers.assets[1:], self.supplied, self.used

    def restore(self, state: State) -> None:
        """Take over what was exported."""
        self.version, assets, self.supplied, self.used = state
        self.numbers.restore(assets)

    def axes(self) -> CountingAxes:
        """Return the axes that are counted on."""
        return self.axes_after(None, self.began)._replace(version=self.version)

    def axes_after(self, settings: RateLimitSettings | None, now: int) -> CountingAxes:
        """Return the axes by the next version, whose rates are these; None: those in force."""
        if self._policy is None:
            return NO_AXES._replace(version=self.version + 1)
        settings = settings or self._policy.settings
        numbers = self.numbers.with_those_of(settings)
        rows = [(numbers[asset], asset, rate.window) for asset, rate in settings.assets.items()]
        if settings.broker is not None:
            rows.append((BROKER, None, settings.broker.window))
        return CountingAxes(
            self.version + 1, now, settings.reads_instrument, settings.reads_account, tuple(rows)
        )

    def begin(self, axes: Sequence[Axis]) -> None:
        """Take the counting part of a batch's head.

        Raises:
            WireError: it names an axis on which no rate is or was limited.
        """
        self.broker, self.has_own = None, False
        if self.assets:
            self.assets = {}
        if self.missing:
            self.missing = []
            self._unused = {}
        if self._vouched:
            self._vouched = {}
        if not axes:
            return
        for number, _, offset in axes:
            if number == BROKER:
                self.broker = offset
            elif number >= OWN:
                self.has_own = True  # numbers by the client's own count, and no axis
            elif number >= VOUCHED:
                self._vouched[number - VOUCHED] = _, offset
            elif number < len(self.numbers.assets):
                self.assets[self.numbers.assets[number]] = offset
            else:
                raise WireError(f"no rate is limited on the axis {number}")

    @property
    def is_told(self) -> bool:
        """Whether the head of the batch in hand has a counting part."""
        return bool(self._vouched) or self.broker is not None or bool(self.assets)

    def check(self, commands: Iterable[tuple[int, int, str | None]]) -> None:
        """Check the ranks of orders that may count: the broker's, the asset's, and the asset.

        Raises:
            WireError: the batch's head does not name their axes, they are no counts with that, or
                they do not rise.
        """
        broker, assets = self.broker, self.assets
        last: dict[str | None, int] = {}
        latest = 0
        for rank, asset_rank, settlement in commands:
            if rank:
                if broker is None or rank <= latest or not 0 < rank + broker <= _MOST:
                    raise WireError(f"not the broker's rank of an order: {rank}, after {latest}")
                latest = rank
            if asset_rank:
                offset = assets.get(settlement)
                before = last.get(settlement, 0)
                if offset is None or asset_rank <= before or not 0 < asset_rank + offset <= _MOST:
                    raise WireError(
                        f"not an asset's rank of an order: {asset_rank}, after {before}"
                    )
                last[settlement] = asset_rank

    def check_vouched(self, commands: Sequence[Command]) -> None:
        """Check what may count of another client's batch, which is of this version.

        Raises:
            WireError: an order lacks a rank that it has to have, or has one that it has not; more
                or fewer may count than the router has vouched for; or one counts as too few.
        """
        rules = self.rules()
        vouched = self._vouched
        if rules is None and not vouched:
            return  # no rate spans accounts
        if rules is not None and self._are_counted(commands, rules):
            return
        left = {axis: count for axis, (_, count) in vouched.items()}
        for sent in commands:
            command = asked_of(sent)
            if command[0] in kinds.ASKING:
                self._check_declared(command, rules)
            elif command[0] in kinds.COUNTING or command[0] == kinds.EXECUTE:
                self._check_counted(command, rules)
            else:
                continue
            for axis, rank, orders in counted_in(command, self.numbers.of):
                if axis not in vouched or rank + self._offset_of(axis) <= vouched[axis][0]:
                    raise WireError(f"an order that counts as too few on the axis {axis}")
                left[axis] -= orders
        if any(left.values()):
            raise WireError(f"more or fewer orders may count than were told: {left!r:.100}")

    def _check_counted(self, command: Command, rules: CountingRules | None) -> None:
        """Raise WireError unless an order has the ranks that it has to have."""
        broker, asset = command[-2:]
        counts, axis = (
            _NOWHERE if rules is None else rules.axes_of(command[1], settlement_of(command))
        )
        if (bool(broker), bool(asset)) != (counts, axis is not None):
            raise WireError(f"an order that is to count elsewhere: {command!r:.100}")

    def _check_declared(self, command: Command, rules: CountingRules | None) -> None:
        """Raise WireError unless orders of a message have the ranks that they have to have."""
        *_, rank, orders, assets = command
        has_rank = bool(orders) and rules is not None and rules.counts_broker
        numbers: Mapping[str | None, int] = {} if rules is None else rules.numbers
        if bool(rank) is not has_rank or any(
            bool(first) is not (asset in numbers) for asset, first, _ in assets
        ):
            raise WireError(f"orders that are to count elsewhere: {command[3:]!r:.100}")

    def _offset_of(self, axis: int) -> int:
        """Return what makes a count of a rank on an axis."""
        return (self.broker or 0) if axis == BROKER else self.assets[self.numbers.assets[axis]]

    def _are_counted(self, commands: Sequence[Command], rules: CountingRules) -> bool:
        """Tell whether a batch is orders alone that count on the same axes, as was vouched for.

        A quick look, where the answer is yes as a rule. Their ranks rise: that has been checked.
        """
        ranks = ranks_in(commands)
        if ranks is None:
            return False
        brokers, assets = ranks
        axes = {BROKER: (brokers, self.broker)} if rules.counts_broker else {}
        asset = None
        if not rules.is_brokers_alone:
            if type(commands) is not AlikeOrders:
                return False
            asset, *others = {*commands.orders.settlements}
            if others or asset is None:
                return False
        if asset in rules.numbers:
            axes[rules.numbers[asset]] = assets, self.assets.get(asset)
        elif any(assets):
            return False
        vouched, count = self._vouched, len(commands)
        return axes.keys() == vouched.keys() and all(
            vouched[axis][1] == count and 0 not in its and its[0] + (offset or 0) > vouched[axis][0]
            for axis, (its, offset) in axes.items()
        )

    def rules(self) -> CountingRules | None:
        """Return by which rules orders count on axes that span accounts; None: there is none."""
        settings = None if self._policy is None else self._policy.settings
        if settings is not self._settings:
            self._settings = settings
            self._rules = None if settings is None else _rules_of(settings, self.numbers.of)
        return self._rules

    def are_right(
        self, brokers: Sequence[int], assets: Sequence[int], settlements: Sequence[str | None]
    ) -> bool:
        """Tell whether many orders, settled in one asset, have right ranks on the same axes.

        A quick look, where the answer is yes as a rule; :meth:`check` tells of the others.
        """
        return (not any(brokers) or _rise(brokers, self.broker)) and (
            not any(assets)
            or (_is_one(settlements) and _rise(assets, self.assets.get(settlements[0])))
        )

    def rank(self, broker: int, asset: int, settlement: str | None) -> None:
        """Supply the counts of an order of these ranks."""
        self.supplied = (
            broker + self.broker if broker else 0,  # type: ignore[operator]  # checked
            asset + self.assets[settlement] if asset else 0,
        )
        self.used = not (broker or asset)

    def rank_all(
        self,
        brokers: Sequence[int],
        assets: Sequence[int],
        settlements: Sequence[str | None],
        *,
        is_counted: bool,
    ) -> None:
        """Supply the highest counts of many orders of these ranks, which rise.

        Those that are not counted have the counts that the last one had that was.
        """
        self._ranked = (brokers, assets) if is_counted else None
        if not is_counted:
            broker, asset = self.supplied
            self.highest = broker, dict.fromkeys(settlements, asset)
            return
        broker = brokers[-1] or max(brokers)
        if broker:
            broker += self.broker  # type: ignore[operator]  # checked
        highest: dict[str | None, int] = {}
        if any(assets):
            if _is_one(settlements):
                highest[settlements[0]] = assets[-1] or max(assets)
            else:
                highest = {
                    asset: rank for asset, rank in zip(settlements, assets, strict=True) if rank
                }
        self.highest = broker, {one: rank + self.assets[one] for one, rank in highest.items()}
        self.used = False

    def each_brokers(self) -> Sequence[int] | None:
        """Return the broker's count of each of the orders of :meth:`rank_all`, as they are ranked.

        None where they have no ranks.
        """
        if self._ranked is None:
            return None
        offset = self.broker or 0
        return [rank and rank + offset for rank in self._ranked[0]]

    def each_assets(self, settlements: Sequence[str | None]) -> Sequence[int]:
        """Return the counts in their assets of the first of the same orders, with these."""
        assert self._ranked is not None  # noqa: S101 - they have ranks
        offsets = self.assets
        return [
            rank and rank + offsets[asset]
            for rank, asset in zip(self._ranked[1], settlements, strict=False)
        ]

    def miss(self, place: int, command: Command) -> None:
        """Record that an order has not counted; those after it in the batch do without."""
        self.missing.append(place)
        broker, asset = command[-2:]
        if broker:
            self.broker -= 1  # type: ignore[operator]  # checked
        if asset:
            self.assets[settlement_of(command)] -= 1

    def rest(self, place: int, unused: Sequence[tuple[int, int, int]]) -> None:
        """Record what a message has left of its declared orders; see :meth:`miss`.

        For each axis its number, how many it declared, and how many of them have not counted.
        """
        if not any(left for _, _, left in unused):
            return
        self.missing.append(place)
        self._unused[place] = [*unused]
        for axis, _, left in unused:
            if axis == BROKER:
                self.broker -= left  # type: ignore[operator]  # checked
            else:
                self.assets[self.numbers.assets[axis]] -= left

    def uncounted(self, commands: Sequence[Command], times: Iterable[int]) -> list[Axis]:
        """Return the counting part of the reply: of each axis on which orders have not counted.

        The time of the first that has, and how many have not.
        """
        missing = frozenset(self.missing)
        firsts: dict[int, int] = {}
        lacking: dict[int, int] = {}
        for place, (sent, now) in enumerate(zip(commands, times, strict=False)):
            rows = self._unused.get(place) or [
                (axis, orders, int(place in missing))
                for axis, _, orders in counted_in(asked_of(sent), self.numbers.of)
            ]
            for axis, orders, left in rows:
                if left:
                    lacking[axis] = lacking.get(axis, 0) + left
                if orders > left:
                    firsts.setdefault(axis, now)
        return [(axis, firsts.get(axis, 0), count) for axis, count in lacking.items()]


def counted_in(command: Command, numbers: Mapping[str | None, int]) -> list[Axis]:
    """Return on which axes a command may count: the first rank there, and for how many orders.

    What a message has declared, it may have used or not.
    """
    if command[0] in kinds.ASKING:
        *_, rank, orders, assets = command
        rows = [(BROKER, rank, orders)] if rank else []
        rows += [(numbers[asset], first, its) for asset, first, its in assets if first]
        return rows
    if command[0] not in kinds.COUNTING:
        return []
    broker, asset = command[-2:]
    rows = [(BROKER, broker, 1)] if broker else []
    if asset:
        rows.append((numbers[settlement_of(command)], asset, 1))
    return rows


def _is_one(settlements: Sequence[str | None]) -> bool:
    """Tell whether many orders are settled in one asset."""
    return settlements.count(settlements[0]) == len(settlements)


def _rise(ranks: Sequence[int], offset: int | None) -> bool:
    """Tell whether ranks on an axis rise, and are counts with what its head says."""
    return (
        offset is not None
        and ranks[0] > 0
        and ranks[0] + offset > 0
        and ranks[-1] + offset <= _MOST
        and all(map(lt, ranks, ranks[1:]))
    )


def declared_ranks(command: Command) -> list[tuple[int, int, str | None]]:
    """Return the first and the last rank on each axis of what a message declares.

    As the ranks of orders: the broker's, the asset's, and the asset.
    """
    *_, rank, orders, assets = command
    ranks: list[tuple[int, int, str | None]] = []
    if rank:
        ranks += [(last, 0, None) for last in sorted({rank, rank + orders - 1})]
    for asset, first, its in assets:
        if first:
            ranks += [(0, last, asset) for last in sorted({first, first + its - 1})]
    return ranks


def asked_of(command: Command) -> Command:
    """Return the command that a call with a key makes; any other as it is."""
    return command[3] if command[0] == kinds.KEYED else command


def settlement_of(command: Command) -> str | None:
    """Return the asset that an order is settled in."""
    settlement: str | None = (
        command[3] if command[0] <= kinds.EXECUTE_COUNTED else command[2]._settlement_
    )
    return settlement


def ranks_in(commands: Sequence[Command]) -> tuple[Sequence[int], Sequence[int]] | None:
    """Return the ranks of orders, the broker's and the assets'; None where one may not count."""
    if type(commands) is AlikeOrders:
        return (commands.brokers, commands.assets) if commands.kind in kinds.COUNTING else None
    if not {command[0] for command in commands} <= kinds.COUNTING:
        return None
    return [command[-2] for command in commands], [command[-1] for command in commands]
