"""Whether one engine explains what a server's shards have decided, in the router's order.

Engines of one process are asked, each by the public API:

* one that only knows who is blocked, in the order in which batches have left the router;
* one for each limit, that only counts, asked by the orders that no block stops. A stretch of a
  session's places is counted as a whole when its first batch comes, so its orders stand there;
* one with all other policies, asked by the orders that the first ones let through.

A decision may be stricter than that where orders were counted that then did not count, because a
block had stopped them, or never came, because their session was killed. Each of these is listed
with those orders.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from recorded_day import END, day_of

import openpit
from openpit import param
from openpit.limits.reading import loads
from openpit.pretrade.rejects import reject_row
from openpit.shards.administration import administer, configure
from openpit.wire import kinds
from openpit.wire.flat_rows import read_report
from openpit.wire.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from recorded_day import Step

    from openpit.core.report import ExecutionReport

__all__ = ["Explained", "explain"]

RATE = "RateLimitExceeded"
TOGETHER = "apply_all"
IN_FLIGHT = 500
"""Blocked orders that are looked at, at most: more are not in flight."""


@dataclass(slots=True)
class Explained:
    """What one engine says of a server's decisions."""

    decided: Counter[str] = field(default_factory=Counter)
    stricter: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    most_accepted: int = 0  # in a window of the broker's


def explain(record: Path, limits: Mapping[str | None, str], rest: str) -> Explained:
    """Ask one engine about all that a server has written down.

    The policies come as TOML: each rate limit by what is settled, the broker's by None, and the
    others together.
    """
    day = day_of(record)
    explained = Explained()
    _find_blocked(day.steps)
    reasons = _Reasons(day.steps)
    for asset in reversed(limits):  # the first in the mapping is told
        axis = day.axes[asset]
        windows = _count(day.steps, axis, limits[asset], day.began)
        reasons.look_at(axis)
        if asset is None:
            explained.most_accepted = max(windows.values(), default=0)
    _Others(day.steps, rest, reasons, explained)
    return explained


def _find_blocked(steps: list[Step]) -> None:
    """Mark the orders that a block stops, in the router's order."""
    engine = loads("[order_validation]").add_to(openpit.Engine.builder().no_sync()).build()
    for step in steps:
        if step.is_order:
            step.is_blocked = bool(engine.execute_pre_trade(_order(step)).rejects)
        elif step.command[0] == kinds.ADMINISTER:
            _administer(engine, step)


# --- limits over all accounts ---------------------------------------------------------------------


def _count(steps: list[Step], axis: int, config: str, began: int) -> Counter[int]:
    """Mark the orders that are over a limit; return how many were accepted in each window."""
    now = began
    stage = openpit.Engine.builder().clock(lambda: now).no_sync()
    engine = loads(config).add_to(stage).build()
    windows: Counter[int] = Counter()
    start, length = began, _window(config)
    for first, stretch in _stretches(steps, axis):
        now = first.now
        if now - start >= length and any(not step.is_blocked for step in stretch):
            start = now
        for step in sorted(stretch, key=lambda step: step.places[axis].count):
            step.places[axis].counted = first.sent
            if not step.is_blocked:
                rejects = engine.execute_pre_trade(_order(step)).rejects
                if rejects:
                    step.breach = axis, [*map(reject_row, rejects)]
                windows[start] += step.reply[0] in {kinds.ACCEPTED, kinds.FUNDED, kinds.RESERVED}
    return windows


def _window(config: str) -> int:
    """Return the length of the windows, in nanoseconds."""
    text = config.partition('window = "')[2].partition("ms")[0]
    return int(text) * 1_000_000


def _stretches(steps: list[Step], axis: int) -> Iterator[tuple[Step, list[Step]]]:
    """Yield the orders that are counted at once, and the first that comes of them.

    A stretch whose places are in front of those of one that came earlier is counted with that.
    """
    left: dict[int, dict[int, list[Step]]] = defaultdict(lambda: defaultdict(list))
    counted = [step for step in steps if axis in step.places]
    for step in counted:
        left[step.client][step.places[axis].reach].append(step)
    for step in counted:
        stretches = left[step.client]
        last = step.places[axis].reach
        for reach in sorted(reach for reach in stretches if reach <= last):
            yield step, stretches.pop(reach)


class _Gap(NamedTuple):
    """A stretch of a session that was killed before all of it had come."""

    client: int
    counted: int
    ended: int


class _Reasons:
    """Why a decision on an axis may be stricter than one engine's."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._ends = {step.client: step.sent for step in steps if step.command[0] == END}
        self._blocked: dict[int, list[tuple[int, Step]]] = {}
        self._gaps: dict[int, list[_Gap]] = {}

    def look_at(self, axis: int) -> None:
        """Find what was counted on an axis and was none."""
        counted = [step for step in self._steps if axis in step.places]
        self._blocked[axis] = sorted(
            ((step.places[axis].counted, step) for step in counted if step.is_blocked),
            key=lambda row: row[0],
        )
        came: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for step in counted:
            place = step.places[axis]
            came[step.client][place.reach].append(place.counted)
        gaps = self._gaps[axis] = []
        for client, stretches in came.items():
            before = 0
            for reach, events in sorted(stretches.items()):
                if reach - before > len(events) and client in self._ends:
                    gaps.append(_Gap(client, events[0], self._ends[client]))
                before = reach

    def of(self, step: Step, axis: int) -> list[str]:
        """Return the names of what was in flight when an order was counted."""
        at = step.places[axis].counted
        blocked = self._blocked[axis]
        end = bisect_right(blocked, at, key=lambda row: row[0])
        return [
            other.name
            for _, other in blocked[max(0, end - IN_FLIGHT) : end]
            if at <= other.answered
        ] + [str(gap) for gap in self._gaps[axis] if gap.counted <= at <= gap.ended]


# --- everything else ------------------------------------------------------------------------------

_FINALISERS = frozenset(
    {kinds.COMMIT, kinds.ROLLBACK, kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.DROP}
)


class _Others:
    """One engine with the other policies; what it says is compared with each decision."""

    def __init__(
        self, steps: list[Step], config: str, reasons: _Reasons, explained: Explained
    ) -> None:
        self._engine = loads(config).add_to(openpit.Engine.builder().no_sync()).build()
        self._reasons = reasons
        self._explained = explained
        self._held: dict[tuple[int, int], tuple[int, Any]] = {}  # client and reservation
        for step in steps:
            self._take(step)
        for _, reservation in self._held.values():
            reservation.rollback()

    def _differs(self, step: Step, text: object) -> None:
        self._explained.differences.append(f"{step}: one engine: {text}")

    def _take(self, step: Step) -> None:
        kind, account, *rest = step.command
        if step.is_order:
            self._decide(step)
        elif kind == END:
            gone = [
                handle
                for handle, (client, _) in self._held.items()
                if (handle[0], client) == (step.shard, step.client)
            ]
            for handle in reversed(gone):
                self._held.pop(handle)[1].rollback()
        elif kind in _FINALISERS:
            numbers = (rest[0],) if type(rest[0]) is int else rest[0]
            for number in numbers:
                self._finish(step, number, commits=kind in {kinds.COMMIT, kinds.COMMIT_MANY})
        elif kind in {kinds.REPORT, kinds.REPORT_WHOLE}:
            blocks = self._engine.apply_execution_report(_report(step.command)).account_blocks
            if bool(blocks) != (step.reply[0] == kinds.REPORTED and bool(step.reply[1])):
                self._differs(step, blocks)
            self._explained.decided["reports"] += 1
        elif kind == kinds.ADJUST:
            self._engine.apply_account_adjustment(param.AccountId.from_int(account), decode(*rest))
        elif kind == kinds.ADMINISTER:
            self._administer(step)
        elif kind == kinds.CONFIGURE and step.shard == 0 and step.command[2] == TOGETHER:
            # Every shard is told: for one engine they all stand where the first one's stands.
            # (What the server was told at its start, the policies here have from their own.)
            configure(self._engine._core, step.command[2], decode(step.command[3]))
            self._explained.decided["changes of limits"] += 1

    def _administer(self, step: Step) -> None:
        if step.command[2] == "account_row":
            self._explained.decided["states"] += 1
            row = encode(administer(self._engine._core, "account_row", decode(step.command[3])))
            if row != step.reply[1]:
                self._differs(step, decode(row))
        else:
            _administer(self._engine, step)

    def _finish(self, step: Step, number: int, *, commits: bool) -> None:
        _, reservation = self._held.pop((step.shard, number), (0, None))
        if reservation is None:
            self._differs(step, f"no handle {number}")
        elif commits:
            reservation.commit()
        else:
            reservation.rollback()

    def _decide(self, step: Step) -> None:
        rejects = step.reply[1] if step.reply[0] == kinds.REJECTED else ()
        if rejects and rejects[0][0] == RATE:
            self._explained.decided[RATE] += 1
            if step.breach is None or step.breach[1][0][:2] != rejects[0][:2]:
                self._stricter(step, rejects)
            # What else the first stage has against it is told, too.
            others = self._engine.start_pre_trade(_order(step)).rejects
            if tuple(map(reject_row, others)) != tuple(rejects[1:]):
                self._differs(step, others)
            return
        if step.breach is not None:
            self._differs(step, step.breach)
            return
        result = self._engine.execute_pre_trade(_order(step))
        if result.rejects:
            self._explained.decided[result.rejects[0].code] += 1
            if tuple(map(reject_row, result.rejects)) != rejects:
                self._differs(step, result.rejects)
            return
        reservation = result.reservation
        self._explained.decided["accepted"] += 1
        if step.reply[0] in {kinds.FUNDED, kinds.RESERVED}:
            self._held[step.shard, step.number] = step.client, reservation
        else:
            self._differs(step, "accepted, and held")
            reservation.rollback()

    def _stricter(self, step: Step, rejects: Any) -> None:
        axis = 0 if "broker" in rejects[0][1] else max(step.places)
        reasons = self._reasons.of(step, axis)
        if reasons:
            self._explained.stricter.append(
                f"{step.name} by axis {axis}, while in flight: {', '.join(reasons[:8])}"
            )
        else:
            self._differs(step, step.breach)


# --- commands as calls of the public API ----------------------------------------------------------


def _order(step: Step) -> openpit.Order:
    _, account, underlying, settlement, side, quantity, volume, price, *_ = step.command
    amount = (
        param.TradeAmount.volume(volume)
        if quantity is None
        else param.TradeAmount.quantity(quantity)
    )
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument(underlying, settlement),
            account_id=param.AccountId.from_int(account),
            side=param.Side(side),
            trade_amount=amount,
            price=None if price is None else param.Price(price),
        )
    )


def _report(command: tuple[Any, ...]) -> ExecutionReport:
    if command[0] == kinds.REPORT:
        return read_report(command)
    report: ExecutionReport = decode(command[2])
    return report


_OF_ITS_OWN = frozenset({"register_group", "unregister_group"})
"""What each shard is asked of its own accounts."""


def _administer(engine: Any, step: Step) -> None:
    """Do what was asked of one shard, or of all: that once, unless each was told its own part."""
    _, account, method, packed = step.command
    if account is not None or step.shard == 0 or method in _OF_ITS_OWN:
        administer(engine._core, method, decode(packed))
